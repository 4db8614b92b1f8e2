/* file.c - whole-file reads and writes. */
#include "driver/driver.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *file_read(Arena *a, const char *path, size_t *len) {
  FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  if (!f) return NULL;
  struct stat st;
  if (f != stdin && fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
    fclose(f);
    errno = EISDIR;
    return NULL;
  }
  size_t n = 0, cap = 1 << 14;
  char *buf = arena_alloc(a, cap);
  for (;;) {
    n += fread(buf + n, 1, cap - 1 - n, f);
    if (n + 1 < cap) break;
    char *bigger = arena_alloc(a, cap * 2);
    memcpy(bigger, buf, n);
    buf = bigger;
    cap *= 2;
  }
  int failed = ferror(f) ? EIO : 0;
  if (f != stdin) fclose(f);
  if (failed) {
    errno = failed;
    return NULL;
  }
  buf[n] = 0;
  *len = n;
  return buf;
}

const char *file_import(void *env, Ctx *c, const char *path, size_t *len) {
  (void)env;
  return file_read(c->arena, path, len);
}

static bool write_all(FILE *f, const void *data, size_t len) {
  return fwrite(data, 1, len, f) == len && fflush(f) == 0;
}

bool file_write(const char *path, const void *data, size_t len) {
  if (strcmp(path, "-") == 0) return write_all(stdout, data, len);
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) { /* /dev/null, a pipe: nothing to rename over */
    FILE *f = fopen(path, "wb");
    if (!f) return false;
    bool ok = write_all(f, data, len);
    return fclose(f) == 0 && ok;
  }
  Arena *a = arena_new();
  char *temp = arena_printf(a, "%s.%ld.tmp", path, (long)getpid());
  FILE *f = fopen(temp, "wb");
  bool ok = f != NULL;
  if (f) {
    ok = write_all(f, data, len);
    int saved = errno;
    if (fclose(f) != 0 && ok) {
      ok = false;
      saved = errno;
    }
    if (ok && rename(temp, path) != 0) {
      ok = false;
      saved = errno;
    }
    if (!ok) remove(temp);
    errno = saved;
  }
  int saved = errno;
  arena_free(a);
  errno = saved;
  return ok;
}

const char *path_stem(Arena *a, const char *path) {
  if (strcmp(path, "-") == 0) return "stdin";
  const char *slash = strrchr(path, '/');
  const char *base = slash ? slash + 1 : path;
  const char *dot = strrchr(base, '.');
  return arena_strndup(a, base, dot && dot != base ? (size_t)(dot - base) : strlen(base));
}
