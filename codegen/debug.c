/* debug.c - DWARF: from instructions back to the lines of the source.
 *
 * Requires: locations of operations, which derivatives inherit from what they differentiate.  Ensures: with -g every
 * function has a subprogram and its calls a place, so that what is inlined keeps its own lines; without -g nothing. */
#include "codegen/emit.h"
#include <llvm-c/DebugInfo.h>
#include <string.h>
#include <unistd.h>

struct DebugInfo {
  LLVMDIBuilderRef b;
  LLVMMetadataRef *file; /* by Loc.file */
  LLVMMetadataRef type;  /* of every subprogram: none is described */
};

static LLVMMetadataRef make_file(Codegen *g, const char *name) {
  char dir[4096];
  if (name[0] == '/' || !getcwd(dir, sizeof dir)) dir[0] = 0;
  return LLVMDIBuilderCreateFile(g->debug->b, name, strlen(name), dir, strlen(dir));
}

static LLVMMetadataRef file_of(const Codegen *g, Loc loc) {
  return g->debug->file[loc.file < 0 || loc.file >= g->ctx->nsource ? 0 : loc.file];
}

static void flag(Codegen *g, const char *name, unsigned v) {
  LLVMMetadataRef x = LLVMValueAsMetadata(LLVMConstInt(g->i32, v, false));
  LLVMAddModuleFlag(g->mod, LLVMModuleFlagBehaviorWarning, name, strlen(name), x);
}

static void start(Codegen *g) {
  enum { DWARF_VERSION = 4 };
  static const char producer[] = "adc";
  g->debug = NEW(g->arena, struct DebugInfo);
  g->debug->b = LLVMCreateDIBuilder(g->mod);
  g->debug->file = NEW_N(g->arena, LLVMMetadataRef, g->ctx->nsource + 1);
  for (int i = 0; i < g->ctx->nsource; i++) g->debug->file[i] = make_file(g, g->ctx->source[i]->name);
  if (!g->ctx->nsource) g->debug->file[0] = make_file(g, "unknown");
  LLVMDIBuilderCreateCompileUnit(g->debug->b, LLVMDWARFSourceLanguageC99, g->debug->file[0], producer,
                                 sizeof producer - 1, g->o->opt_level > 0, "", 0, 0, "", 0, LLVMDWARFEmissionFull, 0,
                                 false, false, "", 0, "", 0);
  g->debug->type = LLVMDIBuilderCreateSubroutineType(g->debug->b, g->debug->file[0], NULL, 0, LLVMDIFlagZero);
  flag(g, "Debug Info Version", LLVMDebugMetadataVersion());
  flag(g, "Dwarf Version", DWARF_VERSION);
}

static LLVMMetadataRef subprogram(Codegen *g, LLVMValueRef fn, const char *name, LLVMMetadataRef file, unsigned line) {
  const char *link = LLVMGetValueName(fn);
  LLVMMetadataRef s = LLVMDIBuilderCreateFunction(g->debug->b, file, name, strlen(name), link, strlen(link), file, line,
                                                  g->debug->type, LLVMGetLinkage(fn) == LLVMInternalLinkage, true, line,
                                                  LLVMDIFlagZero, g->o->opt_level > 0);
  LLVMSetSubprogram(fn, s);
  return s;
}

void debug_function(Emit *e) {
  Codegen *g = e->g;
  if (!g->o->debug) return;
  if (!g->debug) start(g);
  unsigned line = (unsigned)loc_line(g->ctx, e->f->loc);
  e->line_scope = subprogram(g, e->fn, e->f->name, file_of(g, e->f->loc), line);
  LLVMMetadataRef at = LLVMDIBuilderCreateDebugLocation(g->ll, line, 0, e->line_scope, NULL);
  LLVMSetCurrentDebugLocation2(e->entry, at);
  LLVMSetCurrentDebugLocation2(e->b, at);
}

void set_line(Emit *e, const Op *op) {
  Codegen *g = e->g;
  if (!e->line_scope || op->loc.file < 0) return;
  LLVMMetadataRef scope = e->line_scope, file = file_of(g, op->loc);
  if (file != file_of(g, e->f->loc)) scope = LLVMDIBuilderCreateLexicalBlockFile(g->debug->b, scope, file, 0);
  unsigned line = (unsigned)loc_line(g->ctx, op->loc), column = (unsigned)loc_column(g->ctx, op->loc);
  LLVMSetCurrentDebugLocation2(e->b, LLVMDIBuilderCreateDebugLocation(g->ll, line, column, scope, NULL));
}

/* The line of the first body that fn calls; 0: it calls none. */
static unsigned line_called(LLVMValueRef fn) {
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(fn); b; b = LLVMGetNextBasicBlock(b))
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i)) {
      LLVMValueRef callee = LLVMIsACallInst(i) ? LLVMGetCalledValue(i) : NULL;
      LLVMMetadataRef s = callee && LLVMIsAFunction(callee) ? LLVMGetSubprogram(callee) : NULL;
      if (s) return LLVMDISubprogramGetLine(s);
    }
  return 0;
}

/* Wrappers belong to the line of the function that they wrap. */
static void debug_wrapper(Codegen *g, LLVMValueRef fn) {
  unsigned line = line_called(fn);
  LLVMMetadataRef s = subprogram(g, fn, LLVMGetValueName(fn), g->debug->file[0], line);
  LLVMMetadataRef at = LLVMDIBuilderCreateDebugLocation(g->ll, line, 0, s, NULL);
  for (LLVMBasicBlockRef b = LLVMGetFirstBasicBlock(fn); b; b = LLVMGetNextBasicBlock(b))
    for (LLVMValueRef i = LLVMGetFirstInstruction(b); i; i = LLVMGetNextInstruction(i))
      LLVMInstructionSetDebugLoc(i, at);
}

void finish_debug(Codegen *g) {
  if (!g->debug) return;
  for (LLVMValueRef fn = LLVMGetFirstFunction(g->mod); fn; fn = LLVMGetNextFunction(fn))
    if (!LLVMIsDeclaration(fn) && !LLVMGetSubprogram(fn)) debug_wrapper(g, fn);
  LLVMDIBuilderFinalize(g->debug->b);
  LLVMDisposeDIBuilder(g->debug->b);
  g->debug->b = NULL;
}
