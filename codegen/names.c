/* names.c - the names of the C interface: what is exported, and what C has taken already.
 *
 * Requires nothing of the module but names.  Ensures that after names_check every exported name is a fresh external
 * name of C and C++, so that the header compiles beside any standard header. */
#include "codegen/abi.h"
#include <string.h>

const char *const name_suffix[NSUFFIX] = {"", "_ws", "_info", "_packed", "_add", "_add_ws", "_add_packed"};

bool has_add(const Func *f) { return f->kind == FUNC_GRAD || f->kind == FUNC_VJP; }

/* In each table the words stand one space apart. */
static const char keywords[] =
    "_Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local "
    "alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool break case "
    "catch char "
    "char16_t char32_t char8_t class co_await co_return co_yield compl concept const const_cast consteval constexpr "
    "constinit "
    "continue decltype default delete do double dynamic_cast else enum explicit export extern false float for friend "
    "goto if "
    "inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public "
    "reflexpr "
    "register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct "
    "switch "
    "synchronized template this thread_local throw true try typedef typeid typename typeof typeof_unqual union "
    "unsigned "
    "using virtual void volatile wchar_t while xor xor_eq";

/* Macros that a parameter must not meet, and types that the prototypes name. */
static const char unfit[] = "EOF HUGE_VAL I INFINITY NAN NULL assert errno i386 int16_t int32_t int64_t int8_t linux "
                            "max_align_t nullptr_t offsetof "
                            "ptrdiff_t signgam size_t stderr stdin stdout uint16_t uint32_t uint64_t uint8_t unix";

/* <math.h>, <complex.h> and what extends them: each also stands for itself with f and l appended. */
static const char math_names[] = "acos acosh acospi asin asinh asinpi atan atan2 atan2pi atanh atanpi cabs cacos "
                                 "cacosh canonicalize carg casin casinh "
                                 "catan catanh cbrt ccos ccosh ceil cexp cimag clog clog10 compoundn conj copysign cos "
                                 "cosh cospi cpow cproj creal csin "
                                 "csinh csqrt ctan ctanh div drem erf erfc exp exp10 exp10m1 exp2 exp2m1 expm1 fabs "
                                 "fdim finite floor fma fmax fmaximum "
                                 "fmaximum_mag fmaximum_mag_num fmaximum_num fmin fminimum fminimum_mag "
                                 "fminimum_mag_num fminimum_num fmod frexp fromfp "
                                 "fromfpx gamma getpayload hypot ilogb isinf isnan j0 j1 jn ldexp lgamma llogb llrint "
                                 "llround log log10 log10p1 log1p log2 "
                                 "log2p1 logb logp1 lrint lround modf nan nearbyint nextafter nextdown nexttoward "
                                 "nextup pow pow10 pown powr remainder "
                                 "remquo rint rootn round roundeven rsqrt scalb scalbln scalbn setpayload "
                                 "setpayloadsig significand sin sincos sinh sinpi "
                                 "sqrt tan tanh tanpi tgamma totalorder totalordermag trunc ufromfp ufromfpx y0 y1 yn";

/* The rest of C's library, what compilers know by name, and POSIX names that their headers declare with another type.
 */
static const char library_names[] =
    "_Exit _exit abort abs accept access acos aligned_alloc alloca asctime assert at_quick_exit atexit atof atoi atol "
    "atoll "
    "bcmp bcopy bind bsearch bzero calloc chdir clearerr clock close connect creat ctime dcgettext dgettext difftime "
    "dup dup2 "
    "environ errno execl execle execlp execv execve execvp exit fabs fclose feclearexcept feof ferror fflush ffs ffsl "
    "ffsll "
    "fgetc fgets fopen fork fpclassify fprintf fprintf_unlocked fputc fputc_unlocked fputs fputs_unlocked fread free "
    "freopen "
    "fscanf fseek fsync ftell fwrite fwrite_unlocked getc getchar getenv getpid gets gettext gmtime imaxabs index "
    "isalnum "
    "isalpha isascii isblank iscntrl isdigit isfinite isgraph isgreater isless islessequal islessgreater islower "
    "isnormal "
    "isprint ispunct isspace isunordered isupper iswalnum iswalpha isxdigit kill labs ldiv lgamma_r lgammaf_r "
    "lgammal_r link "
    "linux listen llabs lldiv localtime longjmp lseek main malloc mblen memccpy memchr memcmp memcpy memmove mempcpy "
    "memset "
    "mktime open pause perror pipe printf printf_unlocked putc putc_unlocked putchar putchar_unlocked putenv puts "
    "puts_unlocked qsort quick_exit raise rand random read realloc recv remove rename rewind rindex scanf select send "
    "setbuf "
    "setenv setjmp setvbuf sigaction signal signbit sleep snprintf socket sprintf srand srandom sscanf stat "
    "stdc_bit_ceil "
    "stpcpy stpncpy strcasecmp strcat strchr strcmp strcoll strcpy strcspn strdup strerror strfmon strftime strlen "
    "strncasecmp strncat strncmp strncpy strndup strpbrk strrchr strspn strstr strtod strtof strtok strtol strtold "
    "strtoll "
    "strtoul strtoull strxfrm sync system time timespec_get tmpfile tmpnam toascii tolower toupper towlower towupper "
    "ungetc "
    "unix unlink vfprintf vfscanf vprintf vscanf vsnprintf vsprintf vsscanf wait wctomb write";

static bool in_words(const char *words, const char *s, size_t n) {
  for (const char *at = words; at && *at;) {
    const char *end = strchr(at, ' ');
    size_t len = end ? (size_t)(end - at) : strlen(at);
    if (len == n && !memcmp(at, s, n)) return true;
    at = end ? end + 1 : NULL;
  }
  return false;
}

bool name_is_keyword(const char *s) { return in_words(keywords, s, strlen(s)); }

bool name_unfit_param(const char *s) {
  return name_is_keyword(s) || in_words(unfit, s, strlen(s)) || !strncmp(s, "adc_", 4) || !strncmp(s, "ADC_", 4);
}

bool name_is_owned(const char *s) {
  size_t n = strlen(s);
  if (name_unfit_param(s) || in_words(library_names, s, n) || in_words(math_names, s, n)) return true;
  if (n > 1 && (s[n - 1] == 'f' || s[n - 1] == 'l') && in_words(math_names, s, n - 1)) return true;
  return s[0] == '_' && (s[1] == '_' || (s[1] >= 'A' && s[1] <= 'Z'));
}

const char *c_name(Ctx *c, const CodegenOptions *o, const char *name, const char *suffix) {
  return intern(c, arena_printf(c->arena, "%s%s%s", o->prefix ? o->prefix : "", name, suffix));
}

/* A module's names are checked for the object and again for the header: each mistake is told once. */
static bool told(const Ctx *c, Loc loc, int code, const char *text) {
  for (const Diag *d = c->diags->first; d; d = d->next)
    if (d->code == code && d->loc.file == loc.file && d->loc.begin == loc.begin && !strcmp(d->text, text)) return true;
  return false;
}

static void propose_prefix(Ctx *c, Diag *d, const CodegenOptions *o) {
  if (o->prefix)
    diag_help(c, d, "choose another --prefix, or rename the function");
  else
    diag_help(c, d, "put a prefix before every exported name: --prefix=my_");
}

static bool check_owned(Ctx *c, const Func *f, const char *name, const CodegenOptions *o) {
  if (!name_is_owned(name)) return true;
  const char *owner = name_is_keyword(name) ? "is a word of C or C++" : "belongs to C or its library";
  const char *text = arena_printf(c->arena, "the %s name '%s' %s", f->external ? "extern" : "exported", name, owner);
  if (f->external && !told(c, f->loc, 601, text)) diag_error(c, f->loc, 601, "%s", text);
  else if (!told(c, f->loc, 601, text)) propose_prefix(c, diag_error(c, f->loc, 601, "%s", text), o);
  return false;
}

typedef struct Taken {
  const char *name;
  const Func *by;
} Taken;

static bool check_fresh(Ctx *c, const Func *f, const char *name, const Taken *taken, int n) {
  for (int i = 0; i < n; i++) {
    if (taken[i].name != name) continue;
    const char *text = arena_printf(c->arena, "two exported C functions would have the name '%s'", name);
    if (told(c, f->loc, 602, text)) return false;
    Diag *d = diag_error(c, f->loc, 602, "%s", text);
    if (taken[i].by != f) diag_note(c, d, taken[i].by->loc, "the other goes with '%s'", taken[i].by->name);
    diag_help(c, d, "rename one of them");
    return false;
  }
  return true;
}

/* A point is for the names within this process: see jit.c. */
static bool check_prefix(Ctx *c, const char *p) {
  bool good = !p || !*p ||
              ((*p < '0' || *p > '9') && !p[strspn(p, "0123456789_.abcdefghijklmnopqrstuvwxyz"
                                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")]);
  if (good) return true;
  const char *text = arena_printf(c->arena, "--prefix: no C name begins with '%s'", p);
  if (!told(c, LOC_NONE, 603, text)) diag_error(c, LOC_NONE, 603, "%s", text);
  return false;
}

bool names_check(Module *m, const CodegenOptions *o) {
  Ctx *c = m->ctx;
  if (!check_prefix(c, o->prefix)) return false;
  Taken *taken = NULL;
  int n = 0, cap = 0;
  bool ok = true;
  for (int i = 0; i < m->nfunc; i++) {
    const Func *f = m->func[i];
    if (f->external) ok &= check_owned(c, f, f->external, o);
    if (!f->exported) continue;
    bool good = true;
    for (int s = 0; s < NSUFFIX && good; s++) {
      if (s >= NSUFFIX_PLAIN && !has_add(f)) break;
      const char *name = c_name(c, o, f->name, name_suffix[s]);
      good = check_owned(c, f, name, o) && check_fresh(c, f, name, taken, n);
      PUSH(c->arena, taken, n, cap) = (Taken){name, f};
    }
    ok &= good;
  }
  return ok;
}
