/* ir_broken.c - modules that break the rules which IR text cannot break: each is built, damaged, and must be rejected
 * with the rule's code.  Prints "ir_broken: ok", or what was accepted. */
#include "ir/ir.h"
#include <string.h>

typedef struct {
  Ctx *c;
  Module *m;
  Func *f;
  Builder b;
  Type *real;
  Value *x, *y;
} Test;

static void removed(Test *t) { op_remove(t->y->def); }

static void not_in_scope(Test *t) { op_move_before(t->f->body->last, t->f->body->first); }

static void of_another_function(Test *t) {
  Func *g = func_new(t->m, "g", LOC_NONE);
  Value *z = func_add_param(g, t->real, "z");
  t->y->def->opd[0] = z;
  region_set_results(g->body, 1, &z);
  func_default_ports(g);
}

static void missing_operand(Test *t) { t->y->def->opd[0] = NULL; }

static void symbol_twice(Test *t) {
  Sym *s = sym_new(t->c, SYM_VALUE, "k", LOC_NONE);
  Value *v = b_int(&t->b, 3);
  b_sym(&t->b, v, s);
  b_sym(&t->b, v, s);
}

static void symbol_unbound(Test *t) { b_dim(&t->b, dim_sym(t->c, sym_new(t->c, SYM_DIM, "m", LOC_NONE))); }

static void symbol_before_bound(Test *t) {
  Sym *s = sym_new(t->c, SYM_VALUE, "k", LOC_NONE);
  Value *v = b_int(&t->b, 3);
  b_dim(&t->b, dim_sym(t->c, s));
  b_sym(&t->b, v, s);
}

static void result_of_bound_size(Test *t) {
  Sym *s = sym_new(t->c, SYM_VALUE, "k", LOC_NONE);
  Dim *d = dim_sym(t->c, s);
  b_sym(&t->b, b_int(&t->b, 3), s);
  Value *v = b_splat(&t->b, type_tensor(t->c, F64, 1, &d), 0);
  region_set_results(t->f->body, 1, &v);
}

static void index_symbol(Test *t) { b_dim(&t->b, dim_sym(t->c, sym_new(t->c, SYM_INDEX, "i", LOC_NONE))); }

static void foreign_callee(Test *t) {
  Func *g = func_new(module_new(t->c), "g", LOC_NONE);
  b_call(&t->b, g, 0, NULL, 0, NULL);
}

static void same_name(Test *t) { func_default_ports(func_new(t->m, "f", LOC_NONE)); }
static void broken_link(Test *t) { t->y->def->next->prev = NULL; }
static void foreign_result(Test *t) { t->y->def->res[0] = t->f->body->last->res[0]; }
static void id_twice(Test *t) { t->y->id = 0; }
static void id_large(Test *t) { t->f->nvalue = 1; }
static void no_ports(Test *t) { t->f->nin = 0; }
static void wrong_role(Test *t) { t->f->out[0].role = PORT_SEED; }
static void no_labels(Test *t) {
  Op *op =
      b_sum(&t->b, b_splat(&t->b, type_tensor(t->c, F64, 1, (Dim *[]){dim_const(t->c, 2)}), 0), 1, (int[]){0})->def;
  op->u.contract.opd[0] = NULL;
}
static void no_limit(Test *t) {
  b_check_index(&t->b, b_int(&t->b, 0), dim_const(t->c, 1), NULL, "x");
  t->f->body->last->u.check.a = NULL;
}

/* An if that yields x from both branches, and is a result of the function. */
static Op *branch(Test *t) {
  Op *op = b_if(&t->b, b_bool(&t->b, true), 1, &t->real);
  for (int i = 0; i < 2; i++) region_set_results(op->reg[i], 1, &t->x);
  return op;
}

static void foreign_region(Test *t) {
  Op *p = branch(t), *q = branch(t);
  p->reg[0] = q->reg[0];
}

static void value_of_other_branch(Test *t) {
  Op *op = branch(t);
  Builder in = b_inside(&t->b, op->reg[0]);
  Value *v = b_map1(&in, OP_sin, t->x);
  region_set_results(op->reg[1], 1, &v);
}

static void empty_region(Test *t) { branch(t)->reg[1]->nres = 0; }
static void lost_carried(Test *t) {
  Value *one = b_int(&t->b, 1);
  Op *op = b_for(&t->b, one, one, one, 1, &t->x);
  region_set_results(op->reg[0], 1, &t->x);
  op->nopd--;
}

static const struct {
  const char *name;
  void (*damage)(Test *);
  int code;
} cases[] = {
    {"a result of a removed operation is used", removed, 905},
    {"a value is used before its definition", not_in_scope, 904},
    {"a value of another function is used", of_another_function, 904},
    {"an operand is missing", missing_operand, 904},
    {"a symbol is bound twice", symbol_twice, 913},
    {"a symbol is of another function", symbol_unbound, 914},
    {"a symbol is mentioned before it is bound", symbol_before_bound, 914},
    {"a result's shape is known only at run time", result_of_bound_size, 914},
    {"an index is left in a dimension", index_symbol, 915},
    {"a function of another module is called", foreign_callee, 935},
    {"two functions have one name", same_name, 939},
    {"an operation's neighbour does not know it", broken_link, 940},
    {"a result is of another operation", foreign_result, 940},
    {"a value's id is given twice", id_twice, 941},
    {"a value's id is too large", id_large, 941},
    {"a body parameter has no port", no_ports, 937},
    {"a result has the role of a parameter", wrong_role, 936},
    {"a contraction has no labels", no_labels, 917},
    {"an index check has no limit", no_limit, 931},
    {"a region is another operation's", foreign_region, 940},
    {"a value of the other branch is yielded", value_of_other_branch, 904},
    {"a branch yields nothing", empty_region, 946},
    {"a carried value has no initial value", lost_carried, 945},
};

static int run(int i) {
  Test t = {.c = ctx_new()};
  t.m = module_new(t.c);
  t.f = func_new(t.m, "f", LOC_NONE);
  t.b = builder_at_end(t.f);
  t.real = type_scalar(t.c, F64);
  t.x = func_add_param(t.f, t.real, "x");
  t.y = b_map1(&t.b, OP_sin, t.x);
  Value *z = b_map2(&t.b, OP_mul, t.y, t.y);
  region_set_results(t.f->body, 1, &z);
  func_default_ports(t.f);
  bool good = module_verify(t.m);
  cases[i].damage(&t);
  bool accepted = module_verify(t.m);
  int code = t.c->diags->first ? t.c->diags->first->code : 0;
  bool ok = good && !accepted && code == cases[i].code;
  if (!ok) printf("%s: %s, E%04d\n", cases[i].name, accepted ? "accepted" : "rejected", code);
  ctx_free(t.c);
  return !ok;
}

int main(void) {
  int fails = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) fails += run((int)i);
  if (!fails) printf("ir_broken: ok\n");
  return fails != 0;
}
