/* smoke.c - a short, deterministic fuzz run that needs no fuzzer: fuzz_smoke KEPT MUTATIONS DICTIONARY FILE...
 *
 * Runs every FILE as it is, then MUTATIONS variations of them: bytes changed, pieces removed, repeated, moved or taken from
 * another file, tokens of DICTIONARY inserted. KEPT always holds the input in hand, so that it survives a crash; an input
 * that takes more than ten seconds ends the program by SIGALRM. Exit status 0 when every input was handled. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_SIZE = 1 << 16, SECONDS = 10 };
typedef struct { uint8_t *data; size_t size; } Input;
typedef struct { Input *item; size_t n; } Inputs;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void add(Inputs *list, const void *data, size_t size) {
  Input *grown = realloc(list->item, (list->n + 1) * sizeof *grown);
  uint8_t *copy = malloc(size + 1);
  if (!grown || !copy) die("fuzz_smoke");
  memcpy(copy, data, size);
  list->item = grown;
  list->item[list->n++] = (Input){copy, size};
}

static void add_file(Inputs *list, const char *path) {
  static uint8_t buffer[MAX_SIZE];
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  size_t size = fread(buffer, 1, sizeof buffer, file);
  fclose(file);
  add(list, buffer, size);
}

/* A dictionary in libFuzzer's form: a token in double quotes on each line; \" \\ and \xAB are understood. */
static void add_dictionary(Inputs *list, const char *path) {
  char line[256];
  FILE *file = fopen(path, "r");
  if (!file) die(path);
  while (fgets(line, sizeof line, file)) {
    char *from = strchr(line, '"'), *end = strrchr(line, '"'), *to = line;
    if (line[0] == '#' || !from || end == from) continue;
    for (from++; from < end; from++) {
      unsigned byte;
      if (*from != '\\') *to++ = *from;
      else if (from[1] == 'x' && sscanf(from + 2, "%2x", &byte) == 1) *to++ = (char)byte, from += 3;
      else *to++ = *++from;
    }
    add(list, line, (size_t)(to - line));
  }
  fclose(file);
}

static uint64_t below(uint64_t *state, uint64_t n) { /* splitmix64 */
  uint64_t z = (*state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return n ? (z ^ (z >> 31)) % n : 0;
}

/* Replaces `cut` bytes at `at` by `size` bytes, which may lie inside the input itself. */
static void splice(Input *in, size_t at, size_t cut, const uint8_t *data, size_t size) {
  static uint8_t piece[MAX_SIZE];
  if (in->size - cut + size > MAX_SIZE) return;
  memcpy(piece, data, size);
  memmove(in->data + at + size, in->data + at + cut, in->size - at - cut);
  memcpy(in->data + at, piece, size);
  in->size += size - cut;
}

static void mutate(Input *in, const Inputs *files, const Inputs *tokens, uint64_t *state) {
  size_t at = below(state, in->size + 1), left = in->size - at;
  size_t cut = below(state, left < 64 ? left + 1 : 64);
  const Input *token = &tokens->item[below(state, tokens->n)], *other = &files->item[below(state, files->n)];
  size_t from = below(state, other->size + 1), length = below(state, other->size - from < 200 ? other->size - from + 1 : 200);
  switch (below(state, 7)) {
  case 0:
    if (left) in->data[at] = (uint8_t)below(state, 256);
    break;
  case 1: splice(in, at, cut, in->data, 0); break;
  case 2: splice(in, at, 0, in->data + at, cut); break;
  case 3: splice(in, at, 0, other->data + from, length); break;
  case 4: splice(in, at, cut, token->data, token->size); break;
  case 5: splice(in, at, 0, token->data, token->size); break;
  case 6: /* nesting is what breaks a recursive walk */
    for (uint64_t n = below(state, 2000); n > 0; n--) splice(in, at, 0, token->data, token->size);
    break;
  }
}

static void run(Input in, uint64_t *kept) {
  kept[0] = in.size;
  memcpy(kept + 1, in.data, in.size);
  alarm(SECONDS);
  /* A copy of the exact size, so that a sanitizer sees a read past its end. */
  uint8_t *exact = malloc(in.size ? in.size : 1);
  if (!exact) die("fuzz_smoke");
  memcpy(exact, in.data, in.size);
  LLVMFuzzerTestOneInput(exact, in.size);
  free(exact);
  alarm(0);
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: fuzz_smoke KEPT MUTATIONS DICTIONARY FILE...\n");
    return 2;
  }
  Inputs files = {0}, tokens = {0};
  long mutations = strtol(argv[2], NULL, 10);
  add_dictionary(&tokens, argv[3]);
  for (int i = 4; i < argc; i++) add_file(&files, argv[i]);
  if (tokens.n == 0) return fprintf(stderr, "fuzz_smoke: no token in %s\n", argv[3]), 2;

  /* The input in hand: its size in eight bytes, then its bytes. */
  int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0666);
  if (fd < 0 || ftruncate(fd, sizeof(uint64_t) + MAX_SIZE) != 0) die(argv[1]);
  uint64_t *kept = mmap(NULL, sizeof(uint64_t) + MAX_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (kept == MAP_FAILED) die(argv[1]);

  for (size_t i = 0; i < files.n; i++) run(files.item[i], kept);
  uint64_t state = 1;
  Input in = {malloc(MAX_SIZE), 0};
  if (!in.data) die("fuzz_smoke");
  for (long i = 0; i < mutations; i++) {
    const Input *file = &files.item[below(&state, files.n)];
    memcpy(in.data, file->data, in.size = file->size);
    for (uint64_t n = 1 + below(&state, 6); n > 0; n--) mutate(&in, &files, &tokens, &state);
    run(in, kept);
  }
  printf("%zu files, %ld mutations\n", files.n, mutations);
  free(in.data);
  for (size_t i = 0; i < files.n; i++) free(files.item[i].data);
  for (size_t i = 0; i < tokens.n; i++) free(tokens.item[i].data);
  free(files.item);
  free(tokens.item);
  return 0;
}
