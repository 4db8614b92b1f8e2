/* target.c - target machines, and what is written for them.
 *
 * Ensures: unknown targets and processors are diagnostics. */
#include "codegen/abi.h"
#include "codegen/internal.h"
#include "codegen/target.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { E_TARGET = 610, E_CPU = 611, E_OUTPUT = 612 };

/* LLVM's registry of targets is global and takes no lock of its own. */
static void add_native(void) {
  LLVMInitializeNativeTarget();
  LLVMInitializeNativeAsmPrinter();
  LLVMInitializeNativeAsmParser();
}

static void add_all(void) {
  LLVMInitializeAllTargetInfos();
  LLVMInitializeAllTargets();
  LLVMInitializeAllTargetMCs();
  LLVMInitializeAllAsmPrinters();
  LLVMInitializeAllAsmParsers();
}

static void initialise(bool native) {
  static pthread_once_t once_native = PTHREAD_ONCE_INIT, once_all = PTHREAD_ONCE_INIT;
  pthread_once(&once_native, add_native);
  if (!native) pthread_once(&once_all, add_all);
}

/* ---- triples ----------------------------------------------------------------------------------------------------- */

/* What users write for an architecture alone, and what it needs besides. */
static const struct {
  const char *name, *triple;
} short_name[] = {
    {"x86_64", "x86_64-unknown-linux-gnu"},     {"aarch64", "aarch64-unknown-linux-gnu"},
    {"arm64", "aarch64-unknown-linux-gnu"},     {"riscv64", "riscv64-unknown-linux-gnu"},
    {"wasm32", "wasm32-unknown-unknown"},       {"wasm64", "wasm64-unknown-unknown"},
    {"armv7", "armv7-unknown-linux-gnueabihf"}, {"thumbv7em", "thumbv7em-none-eabihf"},
    {"thumbv6m", "thumbv6m-none-eabi"},         {"powerpc64le", "powerpc64le-unknown-linux-gnu"},
    {"s390x", "s390x-unknown-linux-gnu"},       {"loongarch64", "loongarch64-unknown-linux-gnu"},
};
enum { NSHORT = sizeof short_name / sizeof *short_name };

static const struct {
  const char *prefix, *cpu, *features, *abi;
} arch_default[] = {
    {"riscv64", "generic-rv64", "+m,+a,+f,+d,+c", "lp64d"},
    {"thumbv7em", "cortex-m4", "", ""},
};

static bool starts(const char *s, const char *prefix) { return !strncmp(s, prefix, strlen(prefix)); }

static const char *normalised(Ctx *c, const char *name) {
  for (int i = 0; i < NSHORT; i++)
    if (!strcmp(name, short_name[i].name)) return short_name[i].triple;
  char *t = LLVMNormalizeTargetTriple(name);
  const char *copy = arena_printf(c->arena, "%s", t);
  LLVMDisposeMessage(t);
  return copy;
}

static const char *host_triple(Ctx *c) {
  char *t = LLVMGetDefaultTargetTriple();
  const char *copy = arena_printf(c->arena, "%s", t);
  LLVMDisposeMessage(t);
  return copy;
}

static bool unknown_target(Ctx *c, const char *name) {
  const char *known[NSHORT], *arch = arena_strndup(c->arena, name, strcspn(name, "-"));
  for (int i = 0; i < NSHORT; i++) known[i] = short_name[i].name;
  Diag *d = diag_error(c, LOC_NONE, E_TARGET, "no target '%s'", name);
  const char *close = closest_name(arch, known, NSHORT);
  if (close)
    diag_help(c, d, "did you mean '%s'?", close);
  else
    diag_help(c, d,
              "targets are named like x86_64-linux-gnu, aarch64-linux-gnu, riscv64, wasm32, thumbv7em-none-eabihf");
  return false;
}

static bool unknown_cpu(Ctx *c, const char *cpu, const char *triple, const char *const *names, int n) {
  Diag *d = diag_error(c, LOC_NONE, E_CPU, "no processor '%s' for the target '%s'", cpu, triple);
  const char *close = closest_name(cpu, names, n);
  if (close)
    diag_help(c, d, "did you mean '%s'?", close);
  else
    diag_help(c, d, "a processor's name, as clang's -mcpu takes it, or 'native'");
  return false;
}

/* ---- target machine ---------------------------------------------------------------------------------------------- */

typedef struct Machine {
  const char *cpu, *features, *abi;
} Machine;

static bool choose_cpu(Codegen *g, bool host, Machine *m) {
  *m = (Machine){"", "", ""};
  for (size_t i = 0; i < sizeof arch_default / sizeof *arch_default; i++)
    if (starts(g->triple, arch_default[i].prefix))
      *m = (Machine){arch_default[i].cpu, arch_default[i].features, arch_default[i].abi};
  const char *cpu = g->o->cpu;
  if (!cpu) return true;
  if (!strcmp(cpu, "native")) {
    if (!host) {
      diag_error(g->ctx, LOC_NONE, E_CPU, "processor 'native' is this machine's, and the target is another: '%s'",
                 g->triple);
      return false;
    }
    char *name = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
    m->cpu = arena_printf(g->arena, "%s", name);
    m->features = arena_printf(g->arena, "%s", features);
    LLVMDisposeMessage(name);
    LLVMDisposeMessage(features);
    return true;
  }
  int n;
  const char *const *names = cpu_names(g->triple, &n);
  bool known = !names;
  for (int i = 0; i < n; i++) known |= !strcmp(names[i], cpu);
  if (!known) return unknown_cpu(g->ctx, cpu, g->triple, names, n);
  m->cpu = cpu;
  return true;
}

/* How wide the vectors are that generated kernels spell out; the optimiser chooses for itself. */
static int vector_bytes(const char *triple, const Machine *m) {
  static const char *const wide[] = {"x86-64-v4",     "avx512",        "skx",        "icelake",        "cascadelake",
                                     "cooperlake",    "tigerlake",     "rocketlake", "sapphirerapids", "emeraldrapids",
                                     "graniterapids", "diamondrapids", "znver4",     "znver5"};
  static const char *const narrow[] = {"x86-64-v2", "nehalem", "westmere", "core2",   "penryn", "silvermont",
                                       "goldmont",  "tremont", "k8",       "opteron", "athlon", "amdfam10",
                                       "barcelona", "btver1",  "bonnell",  "atom",    "nocona"};
  if (starts(triple, "aarch64") || starts(triple, "powerpc64")) return 16;
  if (!starts(triple, "x86_64")) return 0;
  if (!strcmp(m->cpu, "") || !strcmp(m->cpu, "x86-64") || !strcmp(m->cpu, "generic")) return 16;
  if (*m->features) return strstr(m->features, "+avx512f") ? 64 : strstr(m->features, "+avx2") ? 32 : 16;
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
    if (strstr(m->cpu, wide[i])) return 64;
  for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++)
    if (starts(m->cpu, narrow[i])) return 16;
  return 32;
}

/* Where it is not known that there is a fused multiply-add, there is none. */
static bool has_fused(const char *triple, const Machine *m) {
  static const char *const without[] = {"sandybridge", "ivybridge", "corei7-avx", "core-avx-i", "btver2", "bdver1"};
  if (starts(triple, "aarch64") || starts(triple, "powerpc64") || starts(triple, "s390x")) return true;
  if (!starts(triple, "x86_64") || vector_bytes(triple, m) < 32) return false;
  if (*m->features) return strstr(m->features, "+fma");
  for (size_t i = 0; i < sizeof without / sizeof *without; i++)
    if (!strcmp(m->cpu, without[i])) return false;
  return true;
}

static bool make_machine(Codegen *g) {
  char *message = NULL;
  LLVMTargetRef target;
  const char *host = host_triple(g->ctx);
  g->triple = g->o->target ? normalised(g->ctx, g->o->target) : host;
  size_t arch = strcspn(host, "-");
  bool is_host = !strncmp(host, g->triple, arch) && g->triple[arch] == '-';
  initialise(is_host);
  if (LLVMGetTargetFromTriple(g->triple, &target, &message)) {
    LLVMDisposeMessage(message);
    return unknown_target(g->ctx, g->o->target ? g->o->target : host);
  }
  Machine m;
  if (!choose_cpu(g, is_host, &m)) return false;
  g->vector_bytes = vector_bytes(g->triple, &m);
  g->selects_jump = starts(g->triple, "x86_64") && g->vector_bytes < 64 && g->o->opt_level >= 1;
  if (g->o->opt_level < 2) g->vector_bytes = 0;
  g->fused = has_fused(g->triple, &m);
  /* Bare metal and wasm have no loader that a global offset table could be for. */
  bool pic = !starts(g->triple, "wasm") && !strstr(g->triple, "-none-");
  static const LLVMCodeGenOptLevel level[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess, LLVMCodeGenLevelDefault,
                                              LLVMCodeGenLevelAggressive};
  LLVMTargetMachineOptionsRef opt = LLVMCreateTargetMachineOptions();
  LLVMTargetMachineOptionsSetCPU(opt, m.cpu);
  LLVMTargetMachineOptionsSetFeatures(opt, m.features);
  LLVMTargetMachineOptionsSetABI(opt, m.abi);
  LLVMTargetMachineOptionsSetCodeGenOptLevel(opt, level[g->o->opt_level & 3]);
  LLVMTargetMachineOptionsSetRelocMode(opt, pic ? LLVMRelocPIC : LLVMRelocStatic);
  g->tm = LLVMCreateTargetMachineWithOptions(target, g->triple, opt);
  LLVMDisposeTargetMachineOptions(opt);
  if (!g->tm) return unknown_target(g->ctx, g->triple);
  if (*m.abi) {
    LLVMMetadataRef abi = LLVMMDStringInContext2(g->ll, m.abi, strlen(m.abi));
    LLVMAddModuleFlag(g->mod, LLVMModuleFlagBehaviorError, "target-abi", 10, abi);
  }
  return true;
}

void add_attribute(Codegen *g, LLVMValueRef fn, LLVMAttributeIndex at, const char *name) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  LLVMAddAttributeAtIndex(fn, at, LLVMCreateEnumAttribute(g->ll, kind, 0));
}

LLVMTypeRef elem_type(Codegen *g, Elem e) {
  LLVMTypeRef t[] = {[F64] = g->f64, [F32] = g->f32, [I64] = g->i64, [I32] = g->i32, [BOOL] = g->i8};
  return t[e];
}

LLVMTypeRef elem_reg(Codegen *g, Elem e) { return e == BOOL ? g->i1 : elem_type(g, e); }

/* That a loop could not be made vectors of is nobody's business. */
static void hear(LLVMDiagnosticInfoRef info, void *env) {
  (void)env;
  if (LLVMGetDiagInfoSeverity(info) == LLVMDSError) bug("LLVM: %s", LLVMGetDiagInfoDescription(info));
}

bool codegen_open(Codegen *g, Module *m, const CodegenOptions *o) {
  *g = (Codegen){.ctx = m->ctx, .arena = m->ctx->arena, .m = m, .o = o};
  g->ll = LLVMContextCreate();
  LLVMContextSetDiagnosticHandler(g->ll, hear, NULL);
  g->mod = LLVMModuleCreateWithNameInContext("tdsl", g->ll);
  if (!make_machine(g)) {
    codegen_close(g);
    return false;
  }
  g->i1 = LLVMInt1TypeInContext(g->ll);
  g->i8 = LLVMInt8TypeInContext(g->ll);
  g->i32 = LLVMInt32TypeInContext(g->ll);
  g->i64 = LLVMInt64TypeInContext(g->ll);
  g->f32 = LLVMFloatTypeInContext(g->ll);
  g->f64 = LLVMDoubleTypeInContext(g->ll);
  g->ptr = LLVMPointerTypeInContext(g->ll, 0);
  g->none = LLVMVoidTypeInContext(g->ll);
  LLVMTargetDataRef data = LLVMCreateTargetDataLayout(g->tm);
  LLVMSetModuleDataLayout(g->mod, data);
  LLVMSetTarget(g->mod, g->triple);
  g->pointer_bytes = (int)LLVMPointerSize(data);
  LLVMDisposeTargetData(data);
  g->usize = g->pointer_bytes == 8 ? g->i64 : g->i32;
  g->is_elf = !strstr(g->triple, "wasm") && !strstr(g->triple, "darwin") && !strstr(g->triple, "macos") &&
              !strstr(g->triple, "windows");
  return true;
}

void codegen_close(Codegen *g) {
  if (g->mod) LLVMDisposeModule(g->mod);
  if (g->tm) LLVMDisposeTargetMachine(g->tm);
  if (g->ll) LLVMContextDispose(g->ll);
  *g = (Codegen){0};
}

/* ---- what comes out ------------------------------------------------------------------------------------------------ */

bool codegen_emit(Module *m, const CodegenOptions *o, EmitKind kind, char **out, size_t *len) {
  Codegen g;
  if (!names_check(m, o) || !limit_check(m, o) || !codegen_build(&g, m, o)) return false;
  Ctx *c = m->ctx;
  if (kind == EMIT_LLVM) {
    char *text = LLVMPrintModuleToString(g.mod);
    *len = strlen(text);
    *out = arena_strndup(c->arena, text, *len);
    LLVMDisposeMessage(text);
  } else {
    LLVMMemoryBufferRef buf;
    char *message = NULL;
    const char *outer = stage_begin(c, "LLVM: generate code");
    LLVMCodeGenFileType type = kind == EMIT_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
    bool failed = LLVMTargetMachineEmitToMemoryBuffer(g.tm, g.mod, type, &message, &buf);
    stage_end(c, outer);
    if (failed) {
      diag_error(c, LOC_NONE, E_OUTPUT, "the target '%s' cannot be written: %s", g.triple, message);
      LLVMDisposeMessage(message);
      codegen_close(&g);
      return false;
    }
    *len = LLVMGetBufferSize(buf);
    *out = arena_dup(c->arena, LLVMGetBufferStart(buf), *len);
    LLVMDisposeMemoryBuffer(buf);
  }
  codegen_close(&g);
  return true;
}
