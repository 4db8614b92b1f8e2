/* internal.h - what the files of codegen/ share.
 *
 * The way of a function: plan_func (schedule.c, storage.c; no LLVM) decides what is stored, where, and in which loop
 * nests; emit_body (emit_*.c) turns the plan into one internal LLVM function, emit_size into another; abi.c wraps both
 * into the exported C functions; target.c verifies, optimises and writes. */
#ifndef ADC_CODEGEN_INTERNAL_H
#define ADC_CODEGEN_INTERNAL_H
#include "codegen/codegen.h"
#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

/* The codes that the generated functions return; the header spells them out for C. */
enum { ADC_OK, ADC_EWORKSPACE, ADC_EDIM, ADC_EINDEX, ADC_EASSERT, ADC_ENAN, ADC_ENOMEM };

/* One LLVM module under construction. */
typedef struct Codegen {
  Ctx *ctx;
  Arena *arena; /* the context's */
  Module *m;
  const CodegenOptions *o;
  LLVMContextRef ll;
  LLVMModuleRef mod;
  LLVMTargetMachineRef tm;
  LLVMTypeRef i1, i8, i32, i64, f32, f64, ptr, none;
  LLVMTypeRef usize; /* size_t of the target */
  int pointer_bytes;
  int vector_bytes; /* of a register that the target computes with; 0: none worth using */
  bool selects_jump; /* a select of a single number may become a jump */
  bool fused;       /* the target has a fused multiply-add */
  LLVMValueRef access_group; /* NULL: not made yet */
  LLVMMetadataRef *part_scope, *part_noalias; /* NULL: not made yet */
  int nparts; /* functions that are parts of others */
  int straight, wide; /* elements computed one after another; those of them that are of tensors as long as a vector */
  int math_calls;   /* so many calls of elementary functions have been emitted */
  int slow_parts;   /* so many of them, and of elements picked by computed indices */
  int divisions, divisions_within; /* of ints by what may be zero: so many have been emitted; those of them in branches */
  const char *triple;
  bool is_elf;
  struct BodyEntry *body; /* functions made so far */
  int nbody, body_cap;
  struct DebugInfo *debug; /* NULL without -g */
} Codegen;

/* ---- target.c ---------------------------------------------------------------------------------------------------- */

/* Target machine and an empty module; false after a diagnostic (unknown target, unknown cpu). */
bool codegen_open(Codegen *g, Module *m, const CodegenOptions *o);
/* codegen_open, everything exported, runtime linked, verified, optimised: ready to be written. */
bool codegen_build(Codegen *g, Module *m, const CodegenOptions *o);
void codegen_close(Codegen *g);
/* at: ON_FUNCTION, LLVMAttributeReturnIndex, or 1 + the parameter */
#define ON_FUNCTION ((LLVMAttributeIndex)LLVMAttributeFunctionIndex)
void add_attribute(Codegen *g, LLVMValueRef fn, LLVMAttributeIndex at, const char *name);
LLVMTypeRef elem_type(Codegen *g, Elem e); /* in memory: bool is i8 */
LLVMTypeRef elem_reg(Codegen *g, Elem e);  /* in a register: bool is i1 */

/* optimise.c */
void link_bitcode(Codegen *g, const unsigned char *data, size_t size);
void make_internal(Codegen *g, const char *prefix); /* the functions whose names begin so */

/* slots.c: p, but nobody sees how it was computed.  A buffer's address the loop passes, strength reduction above all, would carry through
 * every access as the sum of all the sizes before it, which takes most of the time that compiling takes; of an array on the stack with
 * thousands of stores LLVM looks at all of them for each. */
LLVMValueRef opaque(Codegen *g, LLVMBuilderRef b, LLVMValueRef p);

/* ---- widen.c, widen_part.c: elementary functions, scalar and of whole vectors --------------------------------------------------- */

/* adc_math_NAME(x…), n operands of one type, f32 or f64 or a vector of these. */
LLVMValueRef math_call(Codegen *g, LLVMBuilderRef b, const char *name, int n, LLVMValueRef *x);
LLVMValueRef pure_function(Codegen *g, const char *name, LLVMTypeRef type); /* declared, without effects */
void keep_variants(Codegen *g); /* before the optimiser: it may call vector functions */
bool link_math(Codegen *g);     /* after it: those called get bodies; false: none is */

bool link_gemm(Codegen *g); /* gemm.c: likewise matrix products; true: there is more code in the module */

/* ---- value_map.c ------------------------------------------------------------------------------------------------- */

typedef struct ValueMap {
  struct ValueEntry { LLVMValueRef key, value; } *entry;
  size_t size, n;
} ValueMap;
LLVMValueRef value_find(const ValueMap *m, LLVMValueRef key); /* NULL: not entered */
void value_enter(Arena *a, ValueMap *m, LLVMValueRef key, LLVMValueRef value);

/* ---- masks.c ------------------------------------------------------------------------------------------------------ */

void select_by_masks(Codegen *g);

/* ---- abi.c ------------------------------------------------------------------------------------------------------- */

/* Adds the exported C functions of every exported Func of g->m: f, f_ws, f_info, f_packed, adc_strerror's text, … */
void emit_abi(Codegen *g);

/* ---- emit_body.c, emit_size.c: the contract between bodies and wrappers ------------------------------------------ */

/* The internal function that does f's work.  Made at the first request, then returned again.  Its type:
 *
 *   i32 body(i64 symbol…                 every f->sym in order
 *            T leaf…                      every f->body->param in order: rank 0 by value (bool as i1), else ptr to
 * const ptr result…                  every f->body->res in order; may be null: not wanted ptr ws_base, i64 ws_len,
 * ws_len >= size(symbols…) bytes, ws_base aligned to 8 (any pointer when size is 0) ptr err)                     an
 * ErrorRecord, written when the return value is not 0
 *
 * A rank-0 bool result is stored as i32, elements of bool tensors are i8 holding 0 or 1.  The caller has made sure that
 * size() did not fail.  With `accumulate`, results of role PORT_COTANGENT are added to what is there; all others are
 * overwritten. */
LLVMValueRef emit_body(Codegen *g, Func *f, bool accumulate);
LLVMTypeRef body_type(Codegen *g, Func *f);

/* args.c: all but the last three, of a call or of the function itself.  Many of them are in an array instead. */
enum { SPACE_BASE, SPACE_LEN, SPACE_ERR, BODY_SPACE };
typedef struct BodyArgs {
  Codegen *g;
  const Func *f;
  LLVMValueRef *value; /* or NULL: in cells */
  LLVMValueRef cells;
} BodyArgs;
int args_count(const Func *f);
bool args_in_array(const Func *f);
BodyArgs args_new(Codegen *g, LLVMBuilderRef b, const Func *f); /* to be set, for a call where b is */
BodyArgs args_of(Codegen *g, const Func *f, LLVMValueRef fn);   /* those that fn, a body of f's, was called with */
LLVMValueRef args_get(const BodyArgs *a, LLVMBuilderRef b, int i);
/* For i from 0 to n - 1, with cell(first + i) = what packed[from + i] points at; of pointers NULL where that is NULL. */
void args_unpack(const BodyArgs *a, LLVMBuilderRef b, LLVMValueRef packed, int from, int first, int n);
int args_alike(const BodyArgs *a, int first, int most); /* so many from that one on, `most` at most, are of one type */
void args_set(const BodyArgs *a, LLVMBuilderRef b, int i, LLVMValueRef x);
LLVMValueRef args_call(const BodyArgs *a, LLVMBuilderRef b, LLVMValueRef body, LLVMValueRef base, LLVMValueRef len, LLVMValueRef err);
void divide_accesses(LLVMBuilderRef b, int i);             /* after the i-th of many */
LLVMValueRef body_space(LLVMValueRef fn, int which); /* of the last three */
void emit_extern(Codegen *g, Func *f, LLVMValueRef fn); /* emit_extern.c: of a function that C computes */

/* i64 size(i64 symbol…): exact bytes of workspace (0: none), a multiple of 64; or -1 where the symbols are no valid
 * sizes (a negative dimension, an inexact division, a product that overflows): the caller answers ADC_EDIM. */
LLVMValueRef emit_size(Codegen *g, Func *f, bool accumulate);
LLVMTypeRef size_type(Codegen *g, Func *f);

/* limit.c: the same within --mem-limit, by f's lean version where f itself takes more. */
LLVMValueRef limited_body(Codegen *g, Func *f, bool accumulate);
LLVMValueRef limited_size(Codegen *g, Func *f, bool accumulate);
bool limit_check(Module *m, const CodegenOptions *o); /* false after diagnostics: some function cannot be */
void explain_largest(Func *f, Diag *d);               /* explain.c: notes on the largest of what f keeps, of constant size */

/* { i64 line, i64 index, ptr message, i64 need }: line 0: none; message: NUL-terminated constant text or null; need:
 * for ADC_EWORKSPACE out of the body (a buffer whose size is known only at run time), the bytes that would have reached
 * this far: call again with at least that much.  The body writes all four fields when it fails. */
enum { ERR_LINE, ERR_INDEX, ERR_MESSAGE, ERR_NEED };
LLVMTypeRef error_type(Codegen *g);
LLVMValueRef const_text(Codegen *g, const char *s); /* ptr to a private NUL-terminated constant */

void finish_debug(Codegen *g); /* debug.c: completes the DWARF of what was emitted; nothing without -g */

/* ---- texts for the header's comment (no LLVM module needed) ------------------------------------------------------ */

void workspace_text(Ctx *c, Func *f, int64_t grain, Text *t); /* "16n bytes", "none" */
void work_text(Ctx *c, Func *f, Text *t);                     /* "4nm + 9n flops" */

#endif
