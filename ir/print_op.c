/* print_op.c - one operation as text: `%z = name %x, %y attributes : type`. */
#include "ir/print.h"
#include <math.h>

static void print_real(Text *t, double v) {
  if (isnan(v))
    text_add(t, "nan");
  else if (isinf(v))
    text_add(t, v > 0 ? "inf" : "-inf");
  else
    text_add(t, "%.17g", v);
}

static void print_number(Text *t, Elem e, double f, int64_t i) {
  if (elem_is_real(e))
    print_real(t, f);
  else if (e == BOOL)
    text_add(t, i ? "true" : "false");
  else
    text_add(t, "%lld", (long long)i);
}

static void print_string(Text *t, const char *s) {
  text_add(t, " \"");
  for (; *s; s++) {
    if (*s == '"' || *s == '\\')
      text_add(t, "\\%c", *s);
    else if (*s == '\n')
      text_add(t, "\\n");
    else
      text_addn(t, s, 1);
  }
  text_add(t, "\"");
}

static void print_dense(Printer *p, const Op *op) {
  Elem e = op->res[0]->type->elem;
  text_add(p->text, " [");
  for (int64_t i = 0; i < op->u.dense.count; i++) {
    text_add(p->text, "%s", i ? ", " : "");
    if (elem_is_real(e))
      print_real(p->text, ((const double *)op->u.dense.data)[i]);
    else
      print_number(p->text, e, 0, ((const int64_t *)op->u.dense.data)[i]);
  }
  text_add(p->text, "]");
}

static void print_source(Printer *p, const Op *op) {
  switch (op->code) {
  case OP_const:
    text_add(p->text, " ");
    print_number(p->text, op->res[0]->type->elem, op->u.cst.f, op->u.cst.i);
    break;
  case OP_dense: print_dense(p, op); break;
  case OP_dim:
    text_add(p->text, " {");
    print_dim(p, op->u.dim);
    text_add(p->text, "}");
    break;
  case OP_iota: text_add(p->text, " {axis %d}", op->u.axis); break;
  default:
    text_add(p->text, " {%s%s", printer_name_sym(p, op->u.sym), op->u.sym->nonneg ? " nonneg" : "");
    if (op->u.sym->most) text_add(p->text, " most %lld", (long long)op->u.sym->most);
    text_add(p->text, "}");
  }
}

static void print_labels(Text *t, const int8_t *label, int n) {
  for (int i = 0; i < n; i++) text_add(t, "%c", label && label[i] >= 0 && label[i] < MAX_LABEL ? 'a' + label[i] : '?');
}

static void print_contract(Printer *p, const Op *op) {
  text_add(p->text, " [");
  for (int i = 0; i < op->nopd && i < 2; i++) {
    text_add(p->text, "%s", i ? ", " : "");
    print_labels(p->text, op->u.contract.opd[i], op->opd[i]->type->rank);
  }
  text_add(p->text, " -> ");
  print_labels(p->text, op->u.contract.out, op->res[0]->type->rank);
  text_add(p->text, "]");
}

static void print_axes(Printer *p, int n, const int *axis, bool masked) {
  text_add(p->text, " {axes");
  for (int i = 0; i < n; i++) text_add(p->text, "%s%d", i ? ", " : " ", axis[i]);
  text_add(p->text, masked ? (n ? ", masked}" : " masked}") : "}");
}

static void print_view(Printer *p, const Op *op) {
  if (op->code == OP_reshape) return;
  if (op->code == OP_concat) {
    text_add(p->text, " {axis %d}", op->u.axis);
    return;
  }
  text_add(p->text, " {");
  for (int i = 0; i < op->opd[0]->type->rank; i++) {
    text_add(p->text, "%s", i ? ", " : "");
    print_dim(p, op->u.slice.start[i]);
    if (op->u.slice.stride[i] != 1) text_add(p->text, " : %lld", (long long)op->u.slice.stride[i]);
  }
  text_add(p->text, "}");
}

static void print_effect(Printer *p, const Op *op) {
  if (!op_checks_bool(op->code)) {
    text_add(p->text, " {");
    print_dim(p, op->u.check.a);
    if (op->code != OP_check_index) {
      text_add(p->text, ", ");
      print_dim(p, op->u.check.b);
    }
    text_add(p->text, "}");
  }
  if (op->u.check.text) print_string(p->text, op->u.check.text);
}

/* The callee's symbols by their names in its own text, `sep` before the first; true if there is one. */
static bool print_subst(Printer *p, const Func *f, int n, const DimSubst *subst, const char *sep) {
  const char **name = func_sym_names(p->ctx, f);
  bool any = false;
  for (int i = 0; i < f->nsym; i++)
    for (int j = 0; j < n; j++) {
      if (subst[j].from != f->sym[i]) continue;
      text_add(p->text, "%s%s = ", any ? ", " : sep, name[i]);
      print_dim(p, subst[j].to);
      any = true;
    }
  return any;
}

/* `{grad 0, 2; n = m}`: the kind, the parameters by their place among the callee's, its symbols */
static void print_derive(Printer *p, const Op *op) {
  text_add(p->text, " {%s", derive_word[op->u.derive.kind]);
  for (int i = 0; i < op->u.derive.nwrt; i++) text_add(p->text, "%s%d", i ? ", " : " ", op->u.derive.wrt[i]);
  if (op->u.derive.nbatch) text_add(p->text, " batch %d", op->u.derive.nbatch);
  print_subst(p, op->u.derive.callee, op->u.derive.nsubst, op->u.derive.subst, "; ");
  text_add(p->text, "}");
}

static void print_callee(Printer *p, const Op *op) {
  if (op->code == OP_derive)
    print_derive(p, op);
  else if (print_subst(p, op->u.call.callee, op->u.call.nsubst, op->u.call.subst, " {"))
    text_add(p->text, "}");
}

static void print_matrix(Printer *p, const Op *op) {
  if (op->u.matrix.upper || op->u.matrix.trans)
    text_add(p->text, " {%s%s}", op->u.matrix.upper ? (op->u.matrix.trans ? "upper, " : "upper") : "",
             op->u.matrix.trans ? "trans" : "");
}

static void print_attribute(Printer *p, const Op *op) {
  switch (op_info[op->code].family) {
  case FAM_SOURCE: print_source(p, op); break;
  case FAM_CONTRACT: print_contract(p, op); break;
  case FAM_REDUCE: print_axes(p, op->u.reduce.naxis, op->u.reduce.axis, false); break;
  case FAM_SCAN: text_add(p->text, " {axis %d%s}", op->u.scan.axis, op->u.scan.reverse ? ", reverse" : ""); break;
  case FAM_MATRIX: print_matrix(p, op); break;
  case FAM_VIEW: print_view(p, op); break;
  case FAM_INDEX: print_axes(p, op->u.index.naxis, op->u.index.axis, op->u.index.masked); break;
  case FAM_EFFECT: print_effect(p, op); break;
  case FAM_CALL: print_callee(p, op); break;
  case FAM_REGION:
    if (op->code != OP_if && op->u.loop.checkpoint) text_add(p->text, " {checkpoint %d}", op->u.loop.checkpoint);
    if (op->code == OP_for && op->u.loop.parallel) text_add(p->text, " {parallel}");
    if (op_is_loop(op) && op->u.loop.plain) text_add(p->text, " {plain}");
    if (op_is_loop(op) && op->u.loop.seldom) text_add(p->text, " {seldom}");
    break;
  default: break;
  }
}

static const Func *callee_of(const Op *op) {
  return op->code == OP_call ? op->u.call.callee : op->code == OP_derive ? op->u.derive.callee : NULL;
}

void print_op(Printer *p, const Op *op) {
  Text *t = p->text;
  for (int i = 0; i < op->nres; i++) {
    printer_name_value(p, op->res[i], op->res[i]->name);
    text_add(t, "%s%%%s", i ? ", " : "", printer_value(p, op->res[i]));
  }
  text_add(t, "%s%s", op->nres ? " = " : "", op_info[op->code].name);
  if (callee_of(op)) text_add(t, " @%s", clean_name(p->ctx, callee_of(op)->name));
  for (int i = 0; i < op->nopd; i++) text_add(t, "%s%%%s", i ? ", " : " ", printer_value(p, op->opd[i]));
  print_attribute(p, op);
  for (int i = 0; i < op->nres; i++) {
    text_add(t, i ? ", " : " : ");
    print_type(p, op->res[i]->type);
  }
}
