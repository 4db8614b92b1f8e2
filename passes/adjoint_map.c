/* adjoint_map.c - derivatives of elementwise ops, read from the rule table. */
#include "passes/pass.h"
#include "passes/rules.h"
#include "passes/adjoint_rules.inc"

/* What the names of a rule stand for. */
typedef struct Names {
  Builder *b;
  const Op *op;
  Value *dy;
  Elem target; /* what cast converts to */
} Names;

static Value *eval(const Names *n, int at, Type *number);

static Value *eval_map(const Names *n, const RuleNode *r) {
  Opcode code = (Opcode)r->index;
  Value *x[3] = {NULL, NULL, NULL};
  Type *like = n->dy->type;
  int first = code == OP_select; /* the condition lends no type to the arms */
  for (int i = op_info[code].nopd - 1; i >= 0; i--) {
    if (rule_node[r->child[i]].kind == RULE_NUMBER) continue;
    x[i] = eval(n, r->child[i], NULL);
    if (i >= first) like = x[i]->type;
  }
  if (code == OP_polygamma) like = type_with_elem(n->b->ctx, like, I64);
  for (int i = 0; i < op_info[code].nopd; i++)
    if (!x[i]) x[i] = eval(n, r->child[i], like);
  if (code == OP_cast) return b_cast(n->b, x[0], n->target);
  return b_map(n->b, code, op_info[code].nopd, x);
}

static Value *eval(const Names *n, int at, Type *number) {
  const RuleNode *r = &rule_node[at];
  switch (r->kind) {
  case RULE_OPERAND: return n->op->opd[r->index];
  case RULE_RESULT: return n->op->res[0];
  case RULE_COTANGENT: return n->dy;
  case RULE_NUMBER: return b_splat(n->b, number, r->number);
  case RULE_MAP: return eval_map(n, r);
  }
  bug("a rule node of kind %d", r->kind);
}

static const Rule *rule_of(const Op *op) {
  const Rule *r = &rule_table[op->code];
  return r->given ? r : NULL;
}

static bool contributes(const Op *op, int i) {
  const Rule *r = rule_of(op);
  return r && r->contribution[i] != RULE_ZERO && elem_is_real(op->opd[i]->type->elem);
}

bool operand_contributes(const Op *op, int i) {
  if (!elem_is_real(op->opd[i]->type->elem)) return false;
  switch (op_info[op->code].family) {
  case FAM_MAP: return contributes(op, i);
  case FAM_REDUCE: return op->code == OP_rmax || op->code == OP_rmin || op->code == OP_rprod;
  case FAM_MATRIX: return op->code != OP_lu && op->code != OP_lucp && op->code != OP_lujet && (i != 1 || op->code == OP_trisolve);
  case FAM_SCAN: return op->code != OP_argsort;
  case FAM_CONTRACT:
  case FAM_VIEW:
  case FAM_INDEX: return true;
  default: return false;
  }
}

/* mulz(a, b) guards with a: where that is zero nothing reaches b, whatever dy, which an infinite b makes infinite once this
 * is differentiated again.  mulz(a, dy) rather than a select keeps the dependence on a there. */
static void adjoint_mulz(Deriv *d, Op *op, Value *dy) {
  Value *a = op->opd[0], *b = op->opd[1];
  if (is_active(d, a)) deriv_add(d, a, b_map2(&d->b, OP_mulz, dy, b));
  if (is_active(d, b)) deriv_add(d, b, b_map2(&d->b, OP_mulz, a, dy));
}

/* t is at most 1/2: what is left to 1 has no error that is large beside it. */
static void add_slope(Deriv *d, Value *x, Value *t, Value *u, Value *dy) {
  deriv_add(d, x, b_map2(&d->b, OP_mulz, dy, b_map2(&d->b, OP_mul, t, u)));
}

static bool adjoint_logistic(Deriv *d, Op *op, Value *dy) {
  Value *t = op->res[0], *u, *z = logistic_argument(op, &t, &u);
  if (has_plain_slope(op)) {
    z = op->opd[0];
    u = b_map2(&d->b, OP_sub, b_splat(&d->b, t->type, 1), t);
  }
  if (z && is_active(d, z)) add_slope(d, z, t, u, dy);
  return z != NULL;
}

/* One contribution, not two: what comes of dy in turn waits for less. */
static void adjoint_square(Deriv *d, Value *x, Value *dy) {
  if (is_active(d, x) && elem_is_real(x->type->elem)) deriv_add(d, x, b_map2(&d->b, OP_mulz, dy, b_map2(&d->b, OP_add, x, x)));
}

static void adjoint(Deriv *d, Op *op, Value *dy) {
  if (op->code == OP_mulz) {
    adjoint_mulz(d, op, dy);
    return;
  }
  if (adjoint_logistic(d, op, dy)) return;
  if (op->code == OP_mul && op->opd[0] == op->opd[1]) {
    adjoint_square(d, op->opd[0], dy);
    return;
  }
  for (int i = 0; i < op->nopd; i++) {
    if (!contributes(op, i) || !is_active(d, op->opd[i])) continue;
    Names n = {&d->b, op, dy, op->opd[i]->type->elem};
    deriv_add(d, op->opd[i], eval(&n, rule_of(op)->contribution[i], NULL));
  }
}

/* One select of the tangents is what the sum of the two contributions amounts to. */
static Value *tangent_select(Deriv *d, Op *op) {
  return b_select(&d->b, op->opd[0], deriv_or_zero(d, op->opd[1]), deriv_or_zero(d, op->opd[2]));
}

/* Where the first factor is zero the product does not depend on the second, whose tangent may be infinite there: it is the first
 * factor that guards, not, as in the rule, the tangent. */
static Value *tangent_mulz(Deriv *d, Op *op) {
  Value *da = deriv_of(d, op->opd[0]), *db = deriv_of(d, op->opd[1]);
  Value *x = da ? b_map2(&d->b, OP_mulz, da, op->opd[1]) : NULL, *y = db ? b_map2(&d->b, OP_mulz, op->opd[0], db) : NULL;
  return x && y ? b_map2(&d->b, OP_add, x, y) : x ? x : y;
}

static Value *tangent(Deriv *d, Op *op) {
  Value *sum = NULL;
  if (op->code == OP_select) return tangent_select(d, op);
  if (op->code == OP_mulz) return tangent_mulz(d, op);
  for (int i = 0; i < op->nopd; i++) {
    Value *dx = deriv_of(d, op->opd[i]);
    if (!dx || !contributes(op, i)) continue;
    Names n = {&d->b, op, dx, op->res[0]->type->elem};
    Value *v = eval(&n, rule_of(op)->contribution[i], NULL);
    sum = sum ? b_map2(&d->b, OP_add, sum, v) : v;
  }
  return sum;
}

const Differential differential_map = {adjoint, tangent};
