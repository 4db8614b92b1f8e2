/* abi.c - the exported C functions around a body: f, f_ws, f_packed and, for gradients, the accumulating variants.
 *
 * Requires emit_body and emit_size to keep the contract of internal.h, and names_check to hold.  Ensures the protocol
 * of the C interface: sizes are checked before anything is touched, the workspace is the caller's or is allocated and
 * freed here, and an error is told in *ws. */
#include "codegen/abi.h"
#include "codegen/abi_llvm.h"
#include <string.h>

enum { WS_BASE, WS_LEN, WS_NEED, WS_GROW, WS_ENV, WS_MESSAGE, WS_LINE, WS_INDEX };
enum { WORKSPACE_ALIGN = 64 };

/* The state of one wrapper under construction.  All failures meet in one block that writes *ws and returns the code. */
typedef struct Wrapper {
  Codegen *g;
  Func *f;
  const char *suffix; /* "" or "_add" */
  LLVMValueRef fn;
  LLVMBuilderRef b;
  CArg *arg;
  int narg;
  LLVMValueRef *given; /* by arg */
  BodyArgs args;           /* of the body */
  LLVMTypeRef ws_type;
  LLVMValueRef ws;
  LLVMBasicBlockRef fail;
  LLVMValueRef fail_code, fail_text, fail_line, fail_index; /* its phis */
  CStructs *structs;
} Wrapper;

/* ---- types and declarations -------------------------------------------------------------------------------------- */

static LLVMTypeRef workspace_type(Codegen *g) {
  LLVMTypeRef t[] = {g->ptr, g->usize, g->usize, g->ptr, g->ptr, g->ptr, g->i32, g->i64};
  return LLVMStructTypeInContext(g->ll, t, 8, 0);
}

static LLVMTypeRef scalar_type(Codegen *g, Elem e) { return e == BOOL ? g->i32 : elem_type(g, e); }

static LLVMTypeRef arg_type(Codegen *g, const CArg *a) {
  return a->kind == CARG_DIM || a->kind == CARG_SCALAR ? scalar_type(g, a->elem) : g->ptr;
}

LLVMTypeRef struct_type(Codegen *g, const CStruct *s) {
  LLVMTypeRef *t = NEW_N(g->arena, LLVMTypeRef, s->nfield);
  for (int i = 0; i < s->nfield; i++) {
    const CField *x = &s->field[i];
    t[i] = x->sub ? struct_type(g, x->sub) : s->mut || x->rank ? g->ptr : scalar_type(g, x->elem);
  }
  return LLVMStructTypeInContext(g->ll, t, (unsigned)s->nfield, 0);
}

/* Where the C convention widens an int to a register, callers rely on it. */
static bool widens_int(const Codegen *g) {
  static const char *const arch[] = {"riscv64", "powerpc64",   "ppc64",   "s390x",
                                     "mips64",  "loongarch64", "sparcv9", "sparc64"};
  for (size_t i = 0; i < sizeof arch / sizeof *arch; i++)
    if (!strncmp(g->triple, arch[i], strlen(arch[i]))) return true;
  return false;
}

LLVMValueRef abi_function(Codegen *g, const char *name, LLVMTypeRef type) {
  LLVMValueRef fn = LLVMAddFunction(g->mod, name, type);
  LLVMTypeRef *param = NEW_N(g->arena, LLVMTypeRef, LLVMCountParamTypes(type));
  LLVMGetParamTypes(type, param);
  add_attribute(g, fn, ON_FUNCTION, "nounwind");
  if (widens_int(g)) {
    if (LLVMGetReturnType(type) == g->i32) add_attribute(g, fn, LLVMAttributeReturnIndex, "signext");
    for (unsigned i = 0; i < LLVMCountParamTypes(type); i++)
      if (param[i] == g->i32) add_attribute(g, fn, i + 1, "signext");
  }
  return fn;
}

static LLVMValueRef library_function(Codegen *g, const char *name, LLVMTypeRef type) {
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  return fn ? fn : LLVMAddFunction(g->mod, name, type);
}

/* ---- failing ----------------------------------------------------------------------------------------------------- */

static LLVMValueRef int32(Codegen *g, int64_t v) { return LLVMConstInt(g->i32, (uint64_t)v, 1); }
static LLVMValueRef int64(Codegen *g, int64_t v) { return LLVMConstInt(g->i64, (uint64_t)v, 1); }

static LLVMBasicBlockRef block(Wrapper *w, const char *name) {
  return LLVMAppendBasicBlockInContext(w->g->ll, w->fn, name);
}

static void add_phi(LLVMValueRef phi, LLVMValueRef v, LLVMBasicBlockRef from) { LLVMAddIncoming(phi, &v, &from, 1); }

static void fail_from(Wrapper *w, LLVMValueRef code, LLVMValueRef text, LLVMValueRef line, LLVMValueRef index) {
  LLVMBasicBlockRef from = LLVMGetInsertBlock(w->b);
  add_phi(w->fail_code, code, from);
  add_phi(w->fail_text, text, from);
  add_phi(w->fail_line, line, from);
  add_phi(w->fail_index, index, from);
}

/* Fails if cond holds; goes on in a new block otherwise. */
static void fail_if(Wrapper *w, LLVMValueRef cond, int code, const char *text, LLVMValueRef index) {
  LLVMBasicBlockRef next = block(w, "checked");
  Ctx *c = w->g->ctx;
  fail_from(w, int32(w->g, code), const_text(w->g, text), int32(w->g, loc_line(c, w->f->loc)), index);
  LLVMBuildCondBr(w->b, cond, w->fail, next);
  LLVMPositionBuilderAtEnd(w->b, next);
}

static LLVMValueRef ws_field(Wrapper *w, int i, const char *name) {
  return LLVMBuildStructGEP2(w->b, w->ws_type, w->ws, (unsigned)i, name);
}

static void open_fail_block(Wrapper *w) {
  Codegen *g = w->g;
  w->fail = block(w, "fail");
  LLVMPositionBuilderAtEnd(w->b, w->fail);
  w->fail_code = LLVMBuildPhi(w->b, g->i32, "code");
  w->fail_text = LLVMBuildPhi(w->b, g->ptr, "message");
  w->fail_line = LLVMBuildPhi(w->b, g->i32, "line");
  w->fail_index = LLVMBuildPhi(w->b, g->i64, "index");
  LLVMBasicBlockRef tell = block(w, "tell"), leave = block(w, "leave");
  LLVMBuildCondBr(w->b, LLVMBuildIsNull(w->b, w->ws, ""), leave, tell);
  LLVMPositionBuilderAtEnd(w->b, tell);
  LLVMBuildStore(w->b, w->fail_text, ws_field(w, WS_MESSAGE, ""));
  LLVMBuildStore(w->b, w->fail_line, ws_field(w, WS_LINE, ""));
  LLVMBuildStore(w->b, w->fail_index, ws_field(w, WS_INDEX, ""));
  LLVMBuildBr(w->b, leave);
  LLVMPositionBuilderAtEnd(w->b, leave);
  LLVMBuildRet(w->b, w->fail_code);
}

/* ---- arguments of the body --------------------------------------------------------------------------------------- */

static LLVMValueRef given_sym(const Wrapper *w, const Sym *s) {
  for (int i = 0; i < w->narg; i++)
    if (w->arg[i].sym == s) return w->given[i];
  bug("%s: symbol %s is no argument", w->f->name, s->name);
}

static LLVMValueRef to_register(Wrapper *w, LLVMValueRef v, Elem e) {
  return e == BOOL ? LLVMBuildICmp(w->b, LLVMIntNE, v, int32(w->g, 0), "") : v;
}

/* Fields of a struct that is there, in the order of the leaves. */
static void load_fields(Wrapper *w, const CStruct *s, LLVMValueRef at, LLVMValueRef **leaf) {
  LLVMTypeRef type = struct_type(w->g, s);
  for (int i = 0; i < s->nfield; i++) {
    const CField *x = &s->field[i];
    LLVMValueRef p = LLVMBuildStructGEP2(w->b, type, at, (unsigned)i, x->name);
    if (x->sub) {
      load_fields(w, x->sub, p, leaf);
      continue;
    }
    bool pointer = s->mut || x->rank;
    LLVMValueRef v = LLVMBuildLoad2(w->b, pointer ? w->g->ptr : scalar_type(w->g, x->elem), p, x->name);
    *(*leaf)++ = pointer ? v : to_register(w, v, x->elem);
  }
}

/* A NULL pointer to a struct of outputs stands for NULL in every field. */
static void load_outputs(Wrapper *w, const CStruct *s, LLVMValueRef at, LLVMValueRef *leaf, int n) {
  LLVMBasicBlockRef from = LLVMGetInsertBlock(w->b), load = block(w, "fields"), next = block(w, "outputs");
  LLVMBuildCondBr(w->b, LLVMBuildIsNull(w->b, at, ""), next, load);
  LLVMPositionBuilderAtEnd(w->b, load);
  LLVMValueRef *end = leaf;
  load_fields(w, s, at, &end);
  LLVMBuildBr(w->b, next);
  LLVMPositionBuilderAtEnd(w->b, next);
  for (int i = 0; i < n; i++) {
    LLVMValueRef phi = LLVMBuildPhi(w->b, w->g->ptr, "");
    add_phi(phi, leaf[i], load);
    add_phi(phi, LLVMConstNull(w->g->ptr), from);
    leaf[i] = phi;
  }
}

/* The leaves of one argument, which is p. */
static int leaves(Wrapper *w, const CArg *a, LLVMValueRef p, LLVMValueRef *leaf) {
  LLVMValueRef *end = leaf;
  const CStruct *s = a->kind == CARG_STRUCT || a->kind == CARG_STRUCT_OUT ? structs_of(w->structs, w->f, a->port) : NULL;
  if (a->kind == CARG_STRUCT) load_fields(w, s, p, &end);
  else if (s) load_outputs(w, s, p, leaf, a->port->nleaf);
  else *leaf = a->kind == CARG_SCALAR ? to_register(w, p, a->elem) : p;
  return s ? a->port->nleaf : 1;
}

/* Of f_packed: args[i] points at the i-th argument; a NULL there stands for a NULL pointer as the argument. */
static LLVMValueRef packed_argument(Wrapper *w, int i) {
  Codegen *g = w->g;
  LLVMValueRef index = LLVMConstInt(g->usize, (uint64_t)i, 0);
  LLVMValueRef slot = LLVMBuildGEP2(w->b, g->ptr, LLVMGetParam(w->fn, 0), &index, 1, "");
  LLVMValueRef p = LLVMBuildLoad2(w->b, g->ptr, slot, "");
  LLVMTypeRef type = arg_type(g, &w->arg[i]);
  if (type != g->ptr) return LLVMBuildLoad2(w->b, type, p, w->arg[i].name);
  LLVMBasicBlockRef from = LLVMGetInsertBlock(w->b), load = block(w, "load"), next = block(w, "next");
  LLVMBuildCondBr(w->b, LLVMBuildIsNull(w->b, p, ""), next, load);
  LLVMPositionBuilderAtEnd(w->b, load);
  LLVMValueRef v = LLVMBuildLoad2(w->b, g->ptr, p, "");
  LLVMBuildBr(w->b, next);
  LLVMPositionBuilderAtEnd(w->b, next);
  LLVMValueRef phi = LLVMBuildPhi(w->b, g->ptr, w->arg[i].name);
  add_phi(phi, v, load);
  add_phi(phi, LLVMConstNull(g->ptr), from);
  return phi;
}

/* Which of the body's arguments it begins with. */
static int first_leaf(const Wrapper *w, const CArg *a) {
  return w->f->nsym + (port_is_input(a->port) ? 0 : w->f->body->nparam) + a->port->first;
}

/* So many arguments from i on are numbers, or pointers, one behind another in the body's array too. */
static int alike(const Wrapper *w, int i) {
  int n = 0, first = 0;
  for (; i + n < w->narg; n++) {
    const CArg *a = &w->arg[i + n];
    if (!a->port || a->sym || a->kind == CARG_STRUCT || a->kind == CARG_STRUCT_OUT || (a->kind == CARG_SCALAR && a->elem == BOOL)) break;
    if (!n) first = first_leaf(w, a);
    else if (first_leaf(w, a) != first + n) break;
  }
  return n ? args_alike(&w->args, first, n) : 0;
}

/* What was given becomes the body's arguments; unpack: is read from where f_packed was told. */
static void give_arguments(Wrapper *w, bool unpack) {
  enum { MANY = 8 };
  const Func *f = w->f;
  int given = f->nsym;
  LLVMValueRef *leaf = NEW_N(w->g->arena, LLVMValueRef, args_count(f) + 1);
  for (int i = 0; i < w->narg; i++) {
    const CArg *a = &w->arg[i];
    int n = unpack ? alike(w, i) : 0;
    if (n >= MANY) {
      args_unpack(&w->args, w->b, LLVMGetParam(w->fn, 0), i, first_leaf(w, a), n);
      given += n;
      i += n - 1;
      continue;
    }
    if (unpack && (a->sym || a->port)) w->given[i] = packed_argument(w, i);
    if (!a->port || a->sym) continue;
    int first = first_leaf(w, a);
    n = leaves(w, a, w->given[i], leaf);
    for (int k = 0; k < n; k++) args_set(&w->args, w->b, first + k, leaf[k]);
    given += n;
  }
  for (int i = 0; i < f->nsym; i++) args_set(&w->args, w->b, i, given_sym(w, f->sym[i]));
  if (given != args_count(f)) bug("%s: a leaf belongs to no port", f->name);
}

/* ---- f and f_add ------------------------------------------------------------------------------------------------- */

static LLVMValueRef size_call(Wrapper *w, bool add) {
  const Func *f = w->f;
  LLVMValueRef *sym = NEW_N(w->g->arena, LLVMValueRef, f->nsym);
  for (int i = 0; i < f->nsym; i++) sym[i] = given_sym(w, f->sym[i]);
  LLVMValueRef size = limited_size(w->g, w->f, add);
  return LLVMBuildCall2(w->b, size_type(w->g, w->f), size, sym, (unsigned)f->nsym, "need");
}

static const char limit_text[] = "the workspace would be larger than --mem-limit allows";

static LLVMValueRef beyond_limit(Wrapper *w, LLVMValueRef bytes) {
  return LLVMBuildICmp(w->b, LLVMIntUGT, bytes, int64(w->g, w->g->o->mem_limit), "");
}

static LLVMValueRef at_most_limit(Wrapper *w, LLVMValueRef bytes) {
  if (!w->g->o->mem_limit) return bytes;
  return LLVMBuildSelect(w->b, beyond_limit(w, bytes), int64(w->g, w->g->o->mem_limit), bytes, "");
}

static LLVMValueRef check_sizes(Wrapper *w, bool add) {
  Codegen *g = w->g;
  for (int i = 0; i < w->narg; i++) {
    if (w->arg[i].kind != CARG_DIM) continue;
    LLVMValueRef v = w->given[i];
    const char *text = arena_printf(g->arena, "dimension '%s' is negative", w->arg[i].sym->name);
    fail_if(w, LLVMBuildICmp(w->b, LLVMIntSLT, v, int64(g, 0), ""), ADC_EDIM, text, v);
  }
  LLVMValueRef need = size_call(w, add);
  int64_t most = g->pointer_bytes < 8 ? INT32_MAX : INT64_MAX - WORKSPACE_ALIGN; /* as unsigned: -1 is more */
  fail_if(w, LLVMBuildICmp(w->b, LLVMIntUGT, need, int64(g, most), ""), ADC_EDIM,
          "a dimension is negative, inexact or too large", int64(g, 0));
  if (g->o->mem_limit) fail_if(w, beyond_limit(w, need), ADC_ENOMEM, limit_text, need);
  return need;
}

/* What the wrapper knows of the workspace when the body runs. */
typedef struct Space {
  LLVMValueRef base, len, own; /* own: what to free, or null */
} Space;

typedef struct Flow {
  LLVMBasicBlockRef go, alloc, more;
  LLVMValueRef alloc_need, more_need; /* phis */
  Space at;                /* phis of go */
} Flow;

static void go_with(Wrapper *w, Flow *flow, LLVMValueRef base, LLVMValueRef len, LLVMValueRef own) {
  LLVMBasicBlockRef from = LLVMGetInsertBlock(w->b);
  add_phi(flow->at.base, base, from);
  add_phi(flow->at.len, len, from);
  add_phi(flow->at.own, own, from);
  LLVMBuildBr(w->b, flow->go);
}

static void open_go_block(Wrapper *w, Flow *flow) {
  LLVMBasicBlockRef here = LLVMGetInsertBlock(w->b);
  flow->go = block(w, "go");
  LLVMPositionBuilderAtEnd(w->b, flow->go);
  flow->at.base = LLVMBuildPhi(w->b, w->g->ptr, "base");
  flow->at.len = LLVMBuildPhi(w->b, w->g->i64, "len");
  flow->at.own = LLVMBuildPhi(w->b, w->g->ptr, "own");
  LLVMPositionBuilderAtEnd(w->b, here);
}

/* The caller's workspace: told the size; what is too small is replaced by what `grow` gives, or refused before anything else
 * is written. */
static void use_given(Wrapper *w, Flow *flow, LLVMValueRef need) {
  Codegen *g = w->g;
  LLVMBuildStore(w->b, LLVMBuildIntCast2(w->b, need, g->usize, 0, ""), ws_field(w, WS_NEED, ""));
  LLVMValueRef base = LLVMBuildLoad2(w->b, g->ptr, ws_field(w, WS_BASE, ""), "given");
  LLVMValueRef len = LLVMBuildLoad2(w->b, g->usize, ws_field(w, WS_LEN, ""), "len");
  LLVMValueRef grow = LLVMBuildLoad2(w->b, g->ptr, ws_field(w, WS_GROW, ""), "grow");
  len = LLVMBuildIntCast2(w->b, len, g->i64, 0, "");
  LLVMValueRef none =
      LLVMBuildAnd(w->b, LLVMBuildIsNull(w->b, base, ""), LLVMBuildICmp(w->b, LLVMIntNE, need, int64(g, 0), ""), "");
  LLVMValueRef small = LLVMBuildOr(w->b, none, LLVMBuildICmp(w->b, LLVMIntULT, len, need, ""), "");
  fail_if(w, LLVMBuildAnd(w->b, small, LLVMBuildIsNull(w->b, grow, ""), ""), ADC_EWORKSPACE, "the workspace is too small", need);
  LLVMBasicBlockRef enough = block(w, "enough");
  add_phi(flow->more_need, need, LLVMGetInsertBlock(w->b));
  LLVMBuildCondBr(w->b, small, flow->more, enough);
  LLVMPositionBuilderAtEnd(w->b, enough);
  go_with(w, flow, base, len, LLVMConstNull(g->ptr));
}

/* The callback gives a workspace of as many bytes as are asked for, or null. */
static void use_grown(Wrapper *w, Flow *flow) {
  Codegen *g = w->g;
  LLVMTypeRef param[] = {g->ptr, g->usize}, type = LLVMFunctionType(g->ptr, param, 2, 0);
  LLVMPositionBuilderAtEnd(w->b, flow->more);
  LLVMValueRef bytes = LLVMBuildIntCast2(w->b, flow->more_need, g->usize, 0, "");
  LLVMValueRef arg[] = {LLVMBuildLoad2(w->b, g->ptr, ws_field(w, WS_ENV, ""), "env"), bytes};
  LLVMBuildStore(w->b, bytes, ws_field(w, WS_NEED, ""));
  LLVMValueRef p = LLVMBuildCall2(w->b, type, LLVMBuildLoad2(w->b, g->ptr, ws_field(w, WS_GROW, ""), ""), arg, 2, "grown");
  fail_if(w, LLVMBuildIsNull(w->b, p, ""), ADC_EWORKSPACE, "the workspace is too small", flow->more_need);
  LLVMBuildStore(w->b, p, ws_field(w, WS_BASE, ""));
  LLVMBuildStore(w->b, bytes, ws_field(w, WS_LEN, ""));
  go_with(w, flow, p, flow->more_need, LLVMConstNull(g->ptr));
}

/* ws is NULL: nothing to allocate for a size of 0. */
static void use_own(Wrapper *w, Flow *flow, LLVMValueRef need) {
  Codegen *g = w->g;
  LLVMValueRef null = LLVMConstNull(g->ptr), some = LLVMBuildICmp(w->b, LLVMIntNE, need, int64(g, 0), "");
  if (g->o->freestanding) {
    fail_if(w, some, ADC_EWORKSPACE, "a workspace must be given", need);
    go_with(w, flow, null, int64(g, 0), null);
    return;
  }
  LLVMBasicBlockRef from = LLVMGetInsertBlock(w->b), none = block(w, "no_space");
  flow->alloc = block(w, "allocate");
  LLVMBuildCondBr(w->b, some, flow->alloc, none);
  LLVMPositionBuilderAtEnd(w->b, none);
  go_with(w, flow, null, int64(g, 0), null);
  LLVMPositionBuilderAtEnd(w->b, flow->alloc);
  flow->alloc_need = LLVMBuildPhi(w->b, g->i64, "bytes");
  add_phi(flow->alloc_need, need, from);
  LLVMTypeRef type = LLVMFunctionType(g->ptr, &g->usize, 1, 0);
  LLVMValueRef bytes = LLVMBuildAdd(w->b, flow->alloc_need, int64(g, WORKSPACE_ALIGN - 1), "");
  bytes = LLVMBuildIntCast2(w->b, bytes, g->usize, 0, "");
  LLVMValueRef p = LLVMBuildCall2(w->b, type, library_function(g, "malloc", type), &bytes, 1, "own");
  fail_if(w, LLVMBuildIsNull(w->b, p, ""), ADC_ENOMEM, "out of memory", flow->alloc_need);
  LLVMValueRef address = LLVMBuildPtrToInt(w->b, p, g->usize, "");
  LLVMValueRef skip =
      LLVMBuildAnd(w->b, LLVMBuildNeg(w->b, address, ""), LLVMConstInt(g->usize, WORKSPACE_ALIGN - 1, 0), "");
  go_with(w, flow, LLVMBuildGEP2(w->b, g->i8, p, &skip, 1, "base"), flow->alloc_need, p);
}

static void release(Wrapper *w, LLVMValueRef own) {
  Codegen *g = w->g;
  if (g->o->freestanding) return;
  LLVMBasicBlockRef drop = block(w, "free"), next = block(w, "released");
  LLVMBuildCondBr(w->b, LLVMBuildIsNull(w->b, own, ""), next, drop);
  LLVMPositionBuilderAtEnd(w->b, drop);
  LLVMTypeRef type = LLVMFunctionType(g->none, &g->ptr, 1, 0);
  LLVMBuildCall2(w->b, type, library_function(g, "free", type), &own, 1, "");
  LLVMBuildBr(w->b, next);
  LLVMPositionBuilderAtEnd(w->b, next);
}

static LLVMValueRef error_field(Wrapper *w, LLVMValueRef err, int i) {
  LLVMTypeRef type = error_type(w->g);
  LLVMValueRef p = LLVMBuildStructGEP2(w->b, type, err, (unsigned)i, "");
  return LLVMBuildLoad2(w->b, LLVMStructGetTypeAtIndex(type, (unsigned)i), p, "");
}

/* Bytes to ask for when `reached` were not there: at least twice what there was, so that a few tries do. */
static LLVMValueRef next_size(Wrapper *w, LLVMValueRef reached, LLVMValueRef len) {
  LLVMValueRef twice = LLVMBuildShl(w->b, len, int64(w->g, 1), "");
  return LLVMBuildSelect(w->b, LLVMBuildICmp(w->b, LLVMIntUGT, twice, reached, ""), twice, reached, "need");
}

/* The body failed.  A buffer whose size only the body knew: with more memory, of its own or from the callback, the call begins
 * again (what accumulates does so only when nothing can fail any more); else the caller is told the need. */
static void after_failure(Wrapper *w, Flow *flow, LLVMValueRef code, LLVMValueRef err) {
  Codegen *g = w->g;
  LLVMValueRef reached = error_field(w, err, ERR_NEED), need = at_most_limit(w, next_size(w, reached, flow->at.len));
  LLVMValueRef text = error_field(w, err, ERR_MESSAGE), index = error_field(w, err, ERR_INDEX);
  LLVMValueRef line = LLVMBuildIntCast2(w->b, error_field(w, err, ERR_LINE), g->i32, 1, "");
  LLVMValueRef small = LLVMBuildICmp(w->b, LLVMIntEQ, code, int32(g, ADC_EWORKSPACE), "");
  if (g->o->mem_limit) {
    LLVMValueRef over = LLVMBuildAnd(w->b, small, beyond_limit(w, reached), "");
    code = LLVMBuildSelect(w->b, over, int32(g, ADC_ENOMEM), code, "");
    text = LLVMBuildSelect(w->b, over, const_text(g, limit_text), text, "");
    index = LLVMBuildSelect(w->b, over, reached, index, "");
    small = LLVMBuildAnd(w->b, small, LLVMBuildNot(w->b, over, ""), "");
  }
  LLVMValueRef most = int64(g, g->pointer_bytes < 8 ? INT32_MAX : INT64_MAX - WORKSPACE_ALIGN);
  LLVMValueRef possible = LLVMBuildAnd(w->b, small, LLVMBuildICmp(w->b, LLVMIntULE, need, most, ""), "");
  LLVMBasicBlockRef known = block(w, "known"), tell = block(w, "need"), given = block(w, "given");
  release(w, flow->at.own);
  if (!g->o->freestanding) {
    LLVMValueRef again = LLVMBuildAnd(w->b, possible, LLVMBuildIsNull(w->b, w->ws, ""), "");
    LLVMBasicBlockRef next = block(w, "told");
    add_phi(flow->alloc_need, need, LLVMGetInsertBlock(w->b));
    LLVMBuildCondBr(w->b, again, flow->alloc, next);
    LLVMPositionBuilderAtEnd(w->b, next);
  }
  LLVMBuildCondBr(w->b, LLVMBuildAnd(w->b, small, LLVMBuildIsNotNull(w->b, w->ws, ""), ""), given, known);
  LLVMPositionBuilderAtEnd(w->b, given);
  LLVMValueRef grow = LLVMBuildLoad2(w->b, g->ptr, ws_field(w, WS_GROW, ""), "grow");
  add_phi(flow->more_need, need, given);
  LLVMBuildCondBr(w->b, LLVMBuildAnd(w->b, possible, LLVMBuildIsNotNull(w->b, grow, ""), ""), flow->more, tell);
  LLVMPositionBuilderAtEnd(w->b, tell);
  LLVMBuildStore(w->b, LLVMBuildIntCast2(w->b, need, g->usize, 0, ""), ws_field(w, WS_NEED, ""));
  LLVMBuildBr(w->b, known);
  LLVMPositionBuilderAtEnd(w->b, known);
  fail_from(w, code, text, line, index);
  LLVMBuildBr(w->b, w->fail);
}

static void call_body(Wrapper *w, Flow *flow, LLVMValueRef err, bool add) {
  Codegen *g = w->g;
  LLVMPositionBuilderAtEnd(w->b, flow->go);
  LLVMValueRef len = at_most_limit(w, flow->at.len), body = limited_body(g, w->f, add);
  LLVMValueRef code = args_call(&w->args, w->b, body, flow->at.base, len, err);
  LLVMBasicBlockRef ok = block(w, "ok"), bad = block(w, "bad");
  LLVMBuildCondBr(w->b, LLVMBuildICmp(w->b, LLVMIntEQ, code, int32(g, ADC_OK), ""), ok, bad);
  LLVMPositionBuilderAtEnd(w->b, ok);
  release(w, flow->at.own);
  LLVMBuildRet(w->b, int32(g, ADC_OK));
  LLVMPositionBuilderAtEnd(w->b, bad);
  after_failure(w, flow, code, err);
}

static LLVMTypeRef wrapper_type(Codegen *g, const CArg *arg, int n) {
  LLVMTypeRef *t = NEW_N(g->arena, LLVMTypeRef, n);
  for (int i = 0; i < n; i++) t[i] = arg_type(g, &arg[i]);
  return LLVMFunctionType(g->i32, t, (unsigned)n, 0);
}

static Wrapper open_wrapper(Codegen *g, Func *f, const char *suffix) {
  Wrapper w = {.g = g, .f = f, .suffix = suffix, .ws_type = workspace_type(g)};
  w.structs = structs_collect(g->m, g->o);
  w.narg = codegen_signature(f, &w.arg);
  w.b = LLVMCreateBuilderInContext(g->ll);
  w.given = NEW_N(g->arena, LLVMValueRef, w.narg + 1);
  return w;
}

/* Its arguments are those of the C interface. */
static void begin_wrapper(Wrapper *w, LLVMTypeRef type, const char *suffix) {
  Codegen *g = w->g;
  w->fn = abi_function(g, c_name(g->ctx, g->o, w->f->name, arena_printf(g->arena, "%s%s", w->suffix, suffix)), type);
  LLVMPositionBuilderAtEnd(w->b, block(w, "entry"));
  for (unsigned i = 0; i < LLVMCountParams(w->fn); i++) w->given[i] = LLVMGetParam(w->fn, i);
}

/* Its arguments are the body's, in an array. */
static void begin_from_array(Wrapper *w) {
  Codegen *g = w->g;
  LLVMTypeRef t[] = {g->ptr, g->ptr};
  w->fn = LLVMAddFunction(g->mod, arena_printf(g->arena, "%s%s.call", w->f->name, w->suffix), LLVMFunctionType(g->i32, t, 2, 0));
  LLVMSetLinkage(w->fn, LLVMInternalLinkage);
  LLVMPositionBuilderAtEnd(w->b, block(w, "entry"));
  w->args = args_of(g, w->f, w->fn);
  for (int i = 0; i < w->f->nsym; i++)
    for (int k = 0; k < w->narg; k++)
      if (w->arg[k].sym == w->f->sym[i]) w->given[k] = args_get(&w->args, w->b, i);
}

/* Of many arguments the function that is returned takes an array, and is called by what is exported. */
static LLVMValueRef emit_call(Codegen *g, Func *f, bool add) {
  Wrapper w = open_wrapper(g, f, add ? "_add" : "");
  Flow flow = {0};
  bool in_array = args_in_array(f);
  if (in_array) begin_from_array(&w);
  else begin_wrapper(&w, wrapper_type(g, w.arg, w.narg), "");
  LLVMBasicBlockRef entry = LLVMGetInsertBlock(w.b);
  w.ws = LLVMGetParam(w.fn, LLVMCountParams(w.fn) - 1);
  open_fail_block(&w);
  LLVMPositionBuilderAtEnd(w.b, entry);
  LLVMValueRef err = LLVMBuildAlloca(w.b, error_type(g), "err");
  LLVMValueRef need = check_sizes(&w, add);
  if (!in_array) {
    w.args = args_new(g, w.b, f);
    give_arguments(&w, false);
  }
  open_go_block(&w, &flow);
  LLVMBasicBlockRef own = block(&w, "own"), given = block(&w, "given");
  LLVMBuildCondBr(w.b, LLVMBuildIsNull(w.b, w.ws, ""), own, given);
  flow.more = block(&w, "more");
  LLVMPositionBuilderAtEnd(w.b, flow.more);
  flow.more_need = LLVMBuildPhi(w.b, g->i64, "bytes");
  LLVMPositionBuilderAtEnd(w.b, given);
  use_given(&w, &flow, need);
  use_grown(&w, &flow);
  LLVMPositionBuilderAtEnd(w.b, own);
  use_own(&w, &flow, need);
  call_body(&w, &flow, err, add);
  LLVMDisposeBuilder(w.b);
  return w.fn;
}

/* ---- f_ws, f_packed ---------------------------------------------------------------------------------------------- */

static void emit_ws(Codegen *g, Func *f, bool add) {
  Wrapper w = open_wrapper(g, f, add ? "_add" : "");
  int n = 0;
  for (int i = 0; i < w.narg; i++) /* the arguments that are symbols are all there is */
    if (w.arg[i].sym) w.arg[n++] = w.arg[i];
  w.narg = n;
  LLVMTypeRef *t = NEW_N(g->arena, LLVMTypeRef, n);
  for (int i = 0; i < n; i++) t[i] = g->i64;
  begin_wrapper(&w, LLVMFunctionType(g->usize, t, (unsigned)n, 0), "_ws");
  LLVMValueRef need = size_call(&w, add);
  if (g->pointer_bytes < 8) {
    LLVMValueRef over = LLVMBuildICmp(w.b, LLVMIntUGT, need, int64(g, INT32_MAX), "");
    need = LLVMBuildSelect(w.b, over, int64(g, -1), need, "");
  }
  LLVMBuildRet(w.b, LLVMBuildIntCast2(w.b, need, g->usize, 0, ""));
  LLVMDisposeBuilder(w.b);
}

/* What is exported where the arguments are many: f itself, or f_packed. */
static void emit_to_array(Codegen *g, Func *f, bool add, LLVMValueRef callee, bool packed) {
  Wrapper w = open_wrapper(g, f, add ? "_add" : "");
  LLVMTypeRef type = packed ? LLVMFunctionType(g->i32, &g->ptr, 1, 0) : wrapper_type(g, w.arg, w.narg);
  begin_wrapper(&w, type, packed ? "_packed" : "");
  w.args = args_new(g, w.b, f);
  give_arguments(&w, packed);
  LLVMValueRef arg[] = {w.args.cells, packed ? packed_argument(&w, w.narg - 1) : w.given[w.narg - 1]};
  LLVMBuildRet(w.b, LLVMBuildCall2(w.b, LLVMGlobalGetValueType(callee), callee, arg, 2, "code"));
  LLVMDisposeBuilder(w.b);
}

static void emit_packed(Codegen *g, Func *f, bool add, LLVMValueRef callee) {
  if (args_in_array(f)) {
    emit_to_array(g, f, add, callee, true);
    return;
  }
  Wrapper w = open_wrapper(g, f, add ? "_add" : "");
  begin_wrapper(&w, LLVMFunctionType(g->i32, &g->ptr, 1, 0), "_packed");
  LLVMValueRef *v = NEW_N(g->arena, LLVMValueRef, w.narg);
  for (int i = 0; i < w.narg; i++) v[i] = packed_argument(&w, i);
  LLVMValueRef code = LLVMBuildCall2(w.b, wrapper_type(g, w.arg, w.narg), callee, v, (unsigned)w.narg, "code");
  LLVMBuildRet(w.b, code);
  LLVMDisposeBuilder(w.b);
}

void emit_abi(Codegen *g) {
  for (int i = 0; i < g->m->nfunc; i++) {
    Func *f = g->m->func[i];
    if (!f->exported) continue;
    if (g->o->packed_only) {
      LLVMValueRef fn = emit_call(g, f, false);
      LLVMSetLinkage(fn, LLVMInternalLinkage);
      emit_packed(g, f, false, fn);
      continue;
    }
    for (int add = 0; add <= has_add(f); add++) {
      LLVMValueRef fn = emit_call(g, f, add);
      if (args_in_array(f)) emit_to_array(g, f, add, fn, false);
      emit_ws(g, f, add);
      emit_packed(g, f, add, fn);
    }
    emit_info(g, f);
  }
}
