/* emit_eval.c - one element of a value at an index tuple: loaded if it is stored, else computed from its operands'
 * elements.
 *
 * Requires: everything stored that the value depends on has been stored; indices are in range (a masked gather's where
 * its mask holds).  Ensures: no load outside a tensor, whatever the mask; an element is computed once per block and
 * index tuple. */
#include "codegen/emit.h"
#include <string.h>

static bool is_const(LLVMValueRef v, int64_t k) { return LLVMIsAConstantInt(v) && LLVMConstIntGetSExtValue(v) == k; }

LLVMValueRef index_add(Emit *e, LLVMValueRef x, LLVMValueRef y) {
  if (is_const(x, 0)) return y;
  return is_const(y, 0) ? x : LLVMBuildNSWAdd(e->b, x, y, "");
}

LLVMValueRef index_mul(Emit *e, LLVMValueRef x, LLVMValueRef y) {
  if (is_const(x, 0) || is_const(y, 0)) return e->zero;
  if (is_const(x, 1)) return y;
  return is_const(y, 1) ? x : LLVMBuildNSWMul(e->b, x, y, "");
}

LLVMValueRef index_const(const Emit *e, int64_t v) { return LLVMConstInt(e->g->i64, (unsigned long long)v, true); }

LLVMValueRef index_least(Emit *e, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, x, y, ""), x, y, "");
}

LLVMValueRef index_most(Emit *e, LLVMValueRef x, LLVMValueRef y) {
  return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSGT, x, y, ""), x, y, "");
}

LLVMValueRef row_major(Emit *e, const Type *t, const LLVMValueRef *idx) {
  LLVMValueRef at = e->zero;
  for (int i = 0; i < t->rank; i++) at = index_add(e, index_mul(e, at, dim_of(e, t->dim[i])), idx[i]);
  return at;
}

LLVMValueRef place_in(Emit *e, const Value *v, const LLVMValueRef *idx) {
  return row_major(e, e->p->value[v->id].padded ? padded_type(e->ctx, v->type) : v->type, idx);
}

void tag_object(Emit *e, LLVMValueRef access, int object) {
  if (e->part) object = part_object(e, object);
  if (object < 0 || !e->scope) return;
  LLVMSetMetadata(access, LLVMGetMDKindIDInContext(e->g->ll, "alias.scope", 11),
                  LLVMMetadataAsValue(e->g->ll, e->scope[object]));
  if (e->noalias[object])
    LLVMSetMetadata(access, LLVMGetMDKindIDInContext(e->g->ll, "noalias", 7),
                    LLVMMetadataAsValue(e->g->ll, e->noalias[object]));
}

void tag_access(Emit *e, LLVMValueRef access, int object, const Type *t) {
  LLVMSetAlignment(access, (unsigned)elem_size(t->elem));
  if (e->in_parallel) LLVMSetMetadata(access, LLVMGetMDKindIDInContext(e->g->ll, "llvm.access.group", 17), access_group(e->g));
  tag_object(e, access, object);
}

static LLVMValueRef address(Emit *e, LLVMValueRef base, const Type *t, LLVMValueRef offset) {
  return LLVMBuildInBoundsGEP2(e->b, elem_type(e->g, t->elem), base, &offset, 1, "");
}

LLVMValueRef load_elem(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef offset) {
  LLVMValueRef x = LLVMBuildLoad2(e->b, elem_type(e->g, t->elem), address(e, base, t, offset), "");
  tag_access(e, x, object, t);
  return t->elem == BOOL ? LLVMBuildICmp(e->b, LLVMIntNE, x, LLVMConstNull(e->g->i8), "") : x;
}

void store_elem(Emit *e, LLVMValueRef base, int object, const Type *t, LLVMValueRef offset, LLVMValueRef x) {
  if (t->elem == BOOL) x = LLVMBuildZExt(e->b, x, e->g->i8, "");
  tag_access(e, LLVMBuildStore(e->b, x, address(e, base, t, offset)), object, t);
}

LLVMValueRef index_value(Emit *e, Value *idx, const LLVMValueRef *at) {
  LLVMValueRef v = eval(e, idx, at);
  return idx->type->elem == I64 ? v : LLVMBuildSExt(e->b, v, e->g->i64, "");
}

/* A value computed only where cond holds, and zero elsewhere. */
static LLVMValueRef eval_where(Emit *e, LLVMValueRef cond, Value *v, const LLVMValueRef *idx) {
  if (is_const(cond, 1) || is_const(cond, -1)) return eval(e, v, idx);
  if (is_const(cond, 0)) return LLVMConstNull(elem_reg(e->g, v->type->elem));
  LLVMTypeRef t = elem_reg(e->g, v->type->elem);
  LLVMBasicBlockRef from[2];
  from[0] = LLVMGetInsertBlock(e->b);
  Branch br;
  if_begin(e, &br, cond);
  struct Rows *rows = e->rows;
  struct Edges *edges = e->edges;
  e->rows = NULL; /* what is read by rows is read whatever the condition */
  e->edges = NULL; /* and what is computed seldom shall not narrow the inside */
  LLVMValueRef in[2] = {LLVMConstNull(t), eval(e, v, idx)};
  e->rows = rows;
  e->edges = edges;
  from[1] = LLVMGetInsertBlock(e->b);
  if_end(e, &br);
  LLVMValueRef phi = LLVMBuildPhi(e->b, t, "");
  LLVMAddIncoming(phi, in, from, 2);
  return phi;
}

static LLVMValueRef eval_product(Emit *e, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef result = NULL;
  for (int k = 0; k < op->nopd; k++) {
    LLVMValueRef in[MAX_RANK];
    for (int i = 0; i < op->opd[k]->type->rank; i++) {
      in[i] = e->zero;
      for (int j = 0; j < op->res[0]->type->rank; j++)
        if (op->u.contract.out[j] == op->u.contract.opd[k][i]) in[i] = idx[j];
    }
    LLVMValueRef x = eval(e, op->opd[k], in);
    set_line(e, op);
    result = result ? mul_elem(e->g, e->b, op->res[0]->type->elem, result, x) : x;
  }
  return result;
}

static LLVMValueRef eval_slice(Emit *e, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef in[MAX_RANK];
  for (int i = 0; i < op->opd[0]->type->rank; i++) {
    LLVMValueRef stride = LLVMConstInt(e->g->i64, (unsigned long long)op->u.slice.stride[i], true);
    in[i] = index_add(e, dim_of(e, op->u.slice.start[i]), index_mul(e, idx[i], stride));
    if (op->u.slice.stride[i] == 1) edges_shift(e, idx[i], in[i], op->u.slice.start[i]);
  }
  return eval(e, op->opd[0], in);
}

/* The inverse of a slice on one axis: where index i of the result comes from; cond is narrowed to where it comes from
 * at all. */
static LLVMValueRef unslice(Emit *e, const Op *op, int axis, LLVMValueRef i, LLVMValueRef *cond) {
  const Type *in = op->opd[op->nopd - 1]->type, *out = op->res[0]->type;
  int64_t stride = op->u.slice.stride[axis];
  if (stride == 1 && dim_is(op->u.slice.start[axis], 0) && in->dim[axis] == out->dim[axis]) return i;
  LLVMValueRef start = dim_of(e, op->u.slice.start[axis]), size = dim_of(e, in->dim[axis]);
  LLVMValueRef at = is_const(start, 0) ? i
                    : stride > 0       ? LLVMBuildNSWSub(e->b, i, start, "")
                                       : LLVMBuildNSWSub(e->b, start, i, "");
  int64_t step = stride > 0 ? stride : -stride;
  if (stride < 0 && is_const(start, 0)) at = LLVMBuildNSWSub(e->b, start, i, "");
  if (step != 1) {
    LLVMValueRef s = LLVMConstInt(e->g->i64, (unsigned long long)step, false);
    LLVMValueRef whole = LLVMBuildICmp(e->b, LLVMIntEQ, LLVMBuildSRem(e->b, at, s, ""), e->zero, "");
    LLVMValueRef positive = LLVMBuildICmp(e->b, LLVMIntSGE, at, e->zero, "");
    *cond = LLVMBuildAnd(e->b, *cond, LLVMBuildAnd(e->b, whole, positive, ""), "");
    at = LLVMBuildSDiv(e->b, at, s, "");
  }
  if (stride == 1) edges_shift(e, i, at, dim_sub(e->ctx, dim_const(e->ctx, 0), op->u.slice.start[axis]));
  if (stride == 1 && edges_inside(e, i, op->u.slice.start[axis], in->dim[axis], out->dim[axis])) return at;
  *cond = LLVMBuildAnd(e->b, *cond, LLVMBuildICmp(e->b, LLVMIntULT, at, size, ""), "");
  return at;
}

static LLVMValueRef eval_embed(Emit *e, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef in[MAX_RANK], cond = LLVMConstInt(e->g->i1, 1, false);
  for (int i = 0; i < op->res[0]->type->rank; i++) in[i] = unslice(e, op, i, idx[i], &cond);
  return eval_where(e, cond, op->opd[0], in);
}

/* The element is the operand's whose range may be taken to have the index. */
static LLVMValueRef eval_inside(Emit *e, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef at[MAX_RANK], i = idx[op->u.axis];
  memcpy(at, idx, (size_t)op->res[0]->type->rank * sizeof *at);
  Dim *start = dim_const(e->ctx, 0);
  for (int k = 0; k < op->nopd && start; k++) {
    Dim *size = op->opd[k]->type->dim[op->u.axis];
    if (edges_inside(e, i, start, size, op->res[0]->type->dim[op->u.axis])) {
      LLVMValueRef before = dim_of(e, start);
      at[op->u.axis] = is_const(before, 0) ? i : LLVMBuildNSWSub(e->b, i, before, "");
      edges_shift(e, i, at[op->u.axis], dim_sub(e->ctx, dim_const(e->ctx, 0), start));
      return eval(e, op->opd[k], at);
    }
    start = dim_add(e->ctx, start, size);
  }
  return NULL;
}

/* An operand is computed only where the index lies in it. */
static LLVMValueRef eval_concat(Emit *e, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef inside = e->edges ? eval_inside(e, op, idx) : NULL;
  if (inside) return inside;
  LLVMValueRef at[MAX_RANK], result = NULL;
  memcpy(at, idx, (size_t)op->res[0]->type->rank * sizeof *at);
  for (int k = 0; k < op->nopd; k++) {
    LLVMValueRef size = dim_of(e, op->opd[k]->type->dim[op->u.axis]);
    LLVMValueRef here = LLVMBuildICmp(e->b, LLVMIntULT, at[op->u.axis], size, "");
    LLVMValueRef x = eval_where(e, here, op->opd[k], at);
    result = result ? LLVMBuildSelect(e->b, here, x, result, "") : x;
    at[op->u.axis] = LLVMBuildNSWSub(e->b, at[op->u.axis], size, "");
  }
  return result;
}

static LLVMValueRef eval_reshape(Emit *e, Op *op, const LLVMValueRef *idx) {
  Value *x = op->opd[0];
  const Type *to = op->res[0]->type;
  ReshapeMap map;
  if (reshape_map(e->ctx, x->type, to, &map)) {
    LLVMValueRef in[MAX_RANK];
    for (int i = 0; i < x->type->rank; i++) {
      in[i] = e->zero;
      for (int j = map.first[i]; j < map.first[i] + map.n[i]; j++)
        in[i] = index_add(e, index_mul(e, in[i], dim_of(e, to->dim[j])), idx[j]);
    }
    return eval(e, x, in);
  }
  if (x->type->rank == 0) return eval(e, x, NULL);
  if (e->p->value[x->id].place == PLACE_VIRTUAL) return eval_small_reshape(e, op, idx);
  return load_elem(e, where_of(e, x), e->object[x->id], x->type, row_major(e, to, idx));
}

/* Its elements are picked one by one. */
static bool picks(const Op *op) {
  int k = op->u.index.naxis - 1;
  return op->u.index.axis[k] == op->opd[0]->type->rank - 1 && !is_count(op->opd[1 + k]);
}

static LLVMValueRef eval_gather(Emit *e, Op *op, const LLVMValueRef *idx) {
  Value *x = op->opd[0];
  e->g->slow_parts += picks(op);
  int rb = op->opd[1]->type->rank, next = rb;
  LLVMValueRef in[MAX_RANK];
  for (int i = 0, k = 0; i < x->type->rank; i++) {
    if (k < op->u.index.naxis && op->u.index.axis[k] == i)
      in[i] = index_value(e, op->opd[1 + k++], idx);
    else
      in[i] = idx[next++];
  }
  return op->u.index.masked ? eval_where(e, eval(e, op->opd[op->nopd - 1], idx), x, in) : eval(e, x, in);
}

/* ---- zeros that nobody wrote --------------------------------------------------------------------------------------------- */

bool is_zero(LLVMValueRef x) {
  LLVMBool loses;
  if (LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMVectorTypeKind) return LLVMIsNull(x);
  return LLVMIsAConstantFP(x) && LLVMConstRealGetDouble(x, &loses) == 0;
}

bool adds_nothing(const Value *v, LLVMValueRef x) {
  const Op *op = v->def;
  if (!is_zero(x)) return false;
  while (op && op->nopd && (op_is_view(op) || op->code == OP_contract) && op->code != OP_embed) op = op->opd[0]->def;
  return op && (op->code == OP_embed || op->code == OP_scatter_add || op->code == OP_mulz || op->code == OP_add);
}

/* NULL: the operation is none that a zero makes an end of. */
static LLVMValueRef without_zeros(const Op *op, const LLVMValueRef *x) {
  if (op->code == OP_mulz)
    for (int k = 0; k < 2; k++)
      if (is_zero(x[k])) return LLVMConstNull(LLVMTypeOf(x[k]));
  if (op->code == OP_add)
    for (int k = 0; k < 2; k++)
      if (adds_nothing(op->opd[k], x[k])) return x[1 - k];
  return NULL;
}

/* mulz as a function of its own, where code is to be small. */
static LLVMValueRef rare_product(Emit *e, Elem t, LLVMValueRef *x) {
  Codegen *g = e->g;
  const char *name = arena_printf(e->arena, "mulz.%s", elem_name(t));
  LLVMValueRef fn = LLVMGetNamedFunction(g->mod, name);
  if (!fn) {
    LLVMTypeRef r = elem_reg(g, t), pair[] = {r, r};
    fn = LLVMAddFunction(g->mod, name, LLVMFunctionType(r, pair, 2, false));
    LLVMSetLinkage(fn, LLVMInternalLinkage);
    add_attribute(g, fn, ON_FUNCTION, "noinline");
    LLVMBuilderRef b = LLVMCreateBuilderInContext(g->ll);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(g->ll, fn, ""));
    LLVMValueRef of[] = {LLVMGetParam(fn, 0), LLVMGetParam(fn, 1)};
    LLVMBuildRet(b, map_emit(g, b, OP_mulz, t, t, of));
    LLVMDisposeBuilder(b);
  }
  return LLVMBuildCall2(e->b, LLVMGlobalGetValueType(fn), fn, x, 2, "");
}

LLVMValueRef map_operation(Emit *e, Op *op, LLVMValueRef *x) {
  LLVMValueRef known = without_zeros(op, x);
  if (known) return known;
  bool plain = in_lanes(e->p, op->parent) ? e->plain_products : in_plain_loop(op) || (e->plain && is_plain(e->p, op));
  if (plain && e->g->fused && e->p->value[op->res[0]->id].by_inverse) return quotient(e, x[0], x[1]);
  if (has_steady_divisor(e, op, x[0], x[1])) return steady_quotient(e, x[0], x[1]);
  Elem t = op->res[0]->type->elem;
  if (!plain && op->code == OP_mulz && e->seldom && in_lanes(e->p, op->parent)) return rare_product(e, t, x);
  Opcode code = plain && op->code == OP_mulz ? OP_mul : op->code;
  return map_emit(e->g, e->b, code, op->opd[op->nopd - 1]->type->elem, t, x);
}

static LLVMValueRef eval_map(Emit *e, Op *op, const LLVMValueRef *idx) {
  LLVMValueRef x[3];
  for (int k = 0; k < op->nopd; k++) x[k] = eval(e, op->opd[k], idx);
  set_line(e, op);
  return map_operation(e, op, x);
}

LLVMValueRef eval_op(Emit *e, Op *op, const LLVMValueRef *idx) {
  const Type *t = op->res[0]->type;
  set_line(e, op);
  e->computed++;
  switch (op->code) {
  case OP_const: return const_elem(e->g, t->elem, op->u.cst.f, op->u.cst.i);
  case OP_dim: return dim_of(e, op->u.dim);
  case OP_sym: return eval(e, op->opd[0], NULL);
  case OP_iota: return LLVMBuildIntCast2(e->b, idx[op->u.axis], elem_reg(e->g, t->elem), true, "");
  case OP_contract: return op_has_sum(op) ? eval_small(e, op, idx) : eval_product(e, op, idx);
  case OP_slice: return eval_slice(e, op, idx);
  case OP_embed: return eval_embed(e, op, idx);
  case OP_concat: return in_lanes(e->p, op->parent) ? eval_small(e, op, idx) : eval_concat(e, op, idx);
  case OP_reshape: return eval_reshape(e, op, idx);
  case OP_gather: return eval_gather(e, op, idx);
  default:
    return op_info[op->code].family == FAM_MAP ? eval_map(e, op, idx) : eval_small(e, op, idx);
  }
}

static LLVMValueRef compute(Emit *e, Value *v, const LLVMValueRef *idx) {
  switch (e->p->value[v->id].place) {
  case PLACE_VIRTUAL: return eval_op(e, v->def, idx);
  case PLACE_SCALAR:
    if (!v->def && v->region == e->f->body) return where_of(e, v);
    return LLVMBuildLoad2(e->b, elem_reg(e->g, v->type->elem), where_of(e, v), "");
  default: break;
  }
  LLVMValueRef r = row_element(e, v, idx);
  return r ? r : load_elem(e, where_of(e, v), e->object[v->id], v->type, place_in(e, v, idx));
}

LLVMValueRef eval(Emit *e, Value *v, const LLVMValueRef *at) {
  LLVMValueRef idx[MAX_RANK];
  for (int i = 0; i < v->type->rank; i++) idx[i] = dim_is(v->type->dim[i], 1) ? e->zero : at[i];
  LLVMValueRef r = memo_find(e, v, idx);
  if (r) return r;
  r = compute(e, v, idx);
  memo_add(e, v, idx, r);
  return r;
}
