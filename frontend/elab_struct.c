/* elab_struct.c - structs: building, fields, arithmetic field by field. */
#include <string.h>
#include "frontend/elab_builtin.h"
#include "frontend/elab_core.h"

Tval *tv_map_parts(Elab *e, Tval *v, Tval *w, PartFn *f, void *env) {
  if (v->kind == TV_TENSOR) return f(e, v, w, env);
  if (is_error(v)) return v;
  Tval *t = arena_dup(e->ctx->arena, v, sizeof *v);
  t->part = NEW_N(e->ctx->arena, Tval *, v->npart + 1);
  for (int i = 0; i < v->npart; i++) {
    t->part[i] = tv_map_parts(e, v->part[i], w ? w->part[i] : NULL, f, env);
    if (is_error(t->part[i])) return t->part[i];
  }
  return t;
}

/* ---- arithmetic ---- */

typedef struct Arith {
  BinOp op;
  Loc loc, op_loc;
  Tval *scalar;
  bool scalar_left;
} Arith;

static Tval *real_part(Elab *e, Tval *x, Tval *y, void *env) {
  Arith *a = env;
  if (!elem_is_real(x->type->elem)) return x;
  if (!a->scalar) return elab_binop(e, a->loc, a->op_loc, a->op, x, y);
  return a->scalar_left ? elab_binop(e, a->loc, a->op_loc, a->op, a->scalar, x)
                        : elab_binop(e, a->loc, a->op_loc, a->op, x, a->scalar);
}

static bool same_struct(Elab *e, Loc loc, Tval *x, Tval *y) {
  bool same = x->kind == TV_STRUCT && y->kind == TV_STRUCT && x->struct_def == y->struct_def;
  for (int i = 0; same && i < x->struct_def->ndim; i++) same = x->struct_arg[i] == y->struct_arg[i];
  if (same) return true;
  Diag *d = diag_error(e->ctx, loc, E_OPERATOR, "these are not of one struct type: %s and %s", show_tval(e, x),
                       show_tval(e, y));
  diag_note(e->ctx, d, x->loc, "%s", show_tval(e, x));
  diag_note(e->ctx, d, y->loc, "%s", show_tval(e, y));
  return false;
}

static bool plain_scalar(const Tval *v) { return v->kind == TV_TENSOR && v->type->rank == 0 && v->type->elem != BOOL; }

Tval *struct_binop(Elab *e, Loc loc, Loc op_loc, BinOp op, Tval *x, Tval *y) {
  Arith a = {.op = op, .loc = loc, .op_loc = op_loc};
  if (op == BIN_ADD || op == BIN_SUB)
    return same_struct(e, op_loc, x, y) ? tv_map_parts(e, x, y, real_part, &a) : tv_error(e, loc);
  if ((op == BIN_MUL || op == BIN_DIV) && x->kind == TV_STRUCT && plain_scalar(y)) {
    a.scalar = y;
    return tv_map_parts(e, x, NULL, real_part, &a);
  }
  if (op == BIN_MUL && y->kind == TV_STRUCT && plain_scalar(x)) {
    a.scalar = x;
    a.scalar_left = true;
    return tv_map_parts(e, y, NULL, real_part, &a);
  }
  Diag *d = diag_error(e->ctx, op_loc, E_OPERATOR, "`%s` is not defined for %s and %s", binop_text(op), show_tval(e, x),
                       show_tval(e, y));
  diag_help(e->ctx, d, "structs have + and -, scaling by a scalar, `dot` and `norm`");
  return tv_error(e, loc);
}

/* The sum over all real leaves of x * y. */
static Tval *leaf_dots(Elab *e, Loc loc, Tval *x, Tval *y, Tval *sum) {
  if (x->kind != TV_TENSOR) {
    for (int i = 0; i < x->npart; i++) sum = leaf_dots(e, loc, x->part[i], y->part[i], sum);
    return sum;
  }
  if (!elem_is_real(x->type->elem)) return sum;
  Tval *d = tv_contract(e, loc, x, &"abcdefgh"[8 - x->type->rank], y, &"abcdefgh"[8 - x->type->rank], "");
  Tval *v[2] = {sum, d};
  return sum ? tv_map(e, loc, loc, OP_add, 2, v) : d;
}

Tval *struct_call(Elab *e, Expr *call, const char *name) {
  bool dot = !strcmp(name, "dot");
  Arg *a = call->u.call.args;
  if (!e->program->has_struct || (!dot && strcmp(name, "norm")) || !a || !a->value || (dot && !a->next)) return NULL;
  Scratch s = scratch_begin(e);
  Tval *peek = elab_expr(e, a->value);
  scratch_end(e, &s);
  if (peek->kind != TV_STRUCT) return NULL;
  Tval *x = elab_expr(e, a->value), *y = dot ? elab_expr(e, a->next->value) : x;
  if (is_error(x) || is_error(y) || (dot && !same_struct(e, call->loc, x, y))) return tv_error(e, call->loc);
  Tval *sum = leaf_dots(e, call->loc, x, y, NULL);
  if (!sum) sum = tv_number(e, call->loc, e->options->real, 0);
  if (dot) return sum;
  return bi_sqrt0(e, call->loc, sum);
}

/* ---- fields ---- */

static Tval *transpose_last(Elab *e, Expr *x, Tval *v) {
  int perm[MAX_RANK], r = v->type->rank;
  if (r < 2) {
    Diag *d = diag_error(e->ctx, x->loc, E_SUBSCRIPTS, "`.T` exchanges the last two axes, but this is %s",
                         show_type(e, v->type));
    if (r == 1) diag_help(e->ctx, d, "x[:, None] is a column, x[None, :] a row");
    return tv_error(e, x->loc);
  }
  for (int i = 0; i < r; i++) perm[i] = i;
  perm[r - 1] = r - 2;
  perm[r - 2] = r - 1;
  return tv_transpose(e, x->loc, v, perm);
}

Tval *unknown_field(Elab *e, Expr *x, Tval *v) {
  Diag *d = diag_error(e->ctx, x->op_loc, E_FIELD, "%s has no field '%s'", show_tval(e, v), x->u.field.name);
  if (v->kind == TV_STRUCT) {
    const char *near = closest_name(x->u.field.name, v->part_name, v->npart);
    if (near) diag_help(e->ctx, d, "did you mean '%s'?", near);
    diag_note(e->ctx, d, v->struct_def->decl->name_loc, "the struct is declared here");
  }
  return tv_error(e, x->loc);
}

Tval *elab_field(Elab *e, Expr *x) {
  Tval *v = elab_expr(e, x->u.field.base);
  if (is_error(v)) return v;
  for (int i = 0; i < v->npart; i++)
    if (v->part_name && v->part_name[i] == x->u.field.name) return v->part[i];
  if (v->kind == TV_TENSOR && !strcmp(x->u.field.name, "T")) return transpose_last(e, x, v);
  return unknown_field(e, x, v);
}

/* ---- building ---- */

static int field_named(const StructDef *s, const char *name) {
  for (int i = 0; i < s->nfield; i++)
    if (s->field[i] == name) return i;
  return -1;
}

/* The arguments by field; false after a diagnostic. */
static bool field_args(Elab *e, StructDef *s, Expr *x, Expr **by_field) {
  int at = 0;
  bool ok = true;
  for (Arg *a = x->u.call.args; a; a = a->next) {
    int i = a->name ? field_named(s, a->name) : at++;
    if (i < 0 || i >= s->nfield) {
      Diag *d = a->name ? diag_error(e->ctx, a->name_loc, E_FIELD, "struct '%s' has no field '%s'", s->name, a->name)
                        : diag_error(e->ctx, a->value->loc, E_ARGUMENTS, "struct '%s' has only %d field%s", s->name,
                                     s->nfield, s->nfield == 1 ? "" : "s");
      const char *near = a->name ? closest_name(a->name, s->field, s->nfield) : NULL;
      if (near) diag_help(e->ctx, d, "did you mean '%s'?", near);
      ok = false;
    } else if (by_field[i]) {
      diag_error(e->ctx, a->value->loc, E_ARGUMENTS, "the field '%s' is given twice", s->field[i]);
      ok = false;
    } else {
      by_field[i] = a->value;
    }
  }
  for (int i = 0; ok && i < s->nfield; i++)
    if (!by_field[i]) {
      Diag *d =
          diag_error(e->ctx, x->loc, E_ARGUMENTS, "the field '%s' of struct '%s' is missing", s->field[i], s->name);
      diag_note(e->ctx, d, s->decl->name_loc, "the struct is declared here");
      ok = false;
    }
  return ok;
}

Tval *call_struct(Elab *e, StructDef *s, Expr *x) {
  Expr **arg = NEW_N(e->ctx->arena, Expr *, s->nfield + 1);
  Tval **v = NEW_N(e->ctx->arena, Tval *, s->nfield + 1);
  if (!struct_check(e, s) || !field_args(e, s, x, arg)) return tv_error(e, x->loc);
  bool ok = true;
  for (int i = 0; i < s->nfield; i++) {
    v[i] = elab_expr(e, arg[i]);
    ok = ok && !is_error(v[i]);
  }
  if (!ok) return tv_error(e, x->loc);
  /* The struct's own dimensions as symbols, solved for from the fields that are given. */
  Dim **own = NEW_N(e->ctx->arena, Dim *, s->ndim + 1);
  DimSubst *solved = NEW_N(e->ctx->arena, DimSubst, s->ndim + 1);
  int i = 0;
  for (Name *n = s->decl->dims; n; n = n->next, i++) {
    solved[i].from = sym_new(e->ctx, SYM_DIM, n->text, n->loc);
    solved[i].from->nonneg = true;
    own[i] = dim_sym(e->ctx, solved[i].from);
  }
  Spec *generic = spec_struct(e, s, own, x->loc);
  if (generic->kind == TV_ERROR || !unify_dims(e, x->loc, s->name, s->nfield, generic->part, v, solved, s->ndim) ||
      !solved_are_lengths(e, x->loc, s->name, solved, s->ndim))
    return tv_error(e, x->loc);
  Spec *spec = spec_subst(e, generic, solved, s->ndim);
  Tval *t = tv_tuple(e, x->loc, s->nfield, v);
  t->kind = TV_STRUCT;
  t->struct_def = s;
  t->struct_arg = spec->arg;
  t->part_name = s->field;
  return fit(e, spec, t, FIT_STRICT, arena_printf(e->ctx->arena, "'%s'", s->name));
}
