/* abreast_region.c - branches and loops of an iteration, in lanes.
 *
 * Where a condition varies both ways are gone by those lanes that take them, each only if there are some; a loop goes on as long as one
 * lane does, and carries what the others had when they were done:
 *
 *     while c (x) do … yield f x        ═►        while any (on and c) (x, on) do … on' = on and c; yield select on', f x, x, on'
 *
 * What counts turns is the same number in all lanes that are under way: in the loop it does not vary. */
#include "passes/abreast.h"

enum { QUICK = 12 };

void lane_region(Abreast *t, Builder *b, const Region *from, Value *mask) {
  for (Op *op = from->first; op; op = op->next) lane_op(t, b, op, mask);
}

static Value *any(Builder *b, Value *mask) { return b_reduce(b, OP_rany, mask, 1, (int[]){0}); }

static Value *as_receiver(Abreast *t, Builder *b, const Value *receiver, Value *v) {
  return lane_varies(t, receiver) ? lane_full(t, b, v) : lane_image(t, v);
}

/* ---- branches --------------------------------------------------------------------------------------------------------------- */

static Type **result_types(Abreast *t, const Op *op) {
  Type **type = NEW_N(t->ctx->arena, Type *, op->nres + 1);
  for (int k = 0; k < op->nres; k++)
    type[k] = lane_varies(t, op->res[k]) ? lane_type(t, op->res[k]->type) : clone_type(t->map, op->res[k]->type);
  return type;
}

static void branch_alike(Abreast *t, Builder *b, Op *op, Value *mask) {
  Op *copy = b_if(b, lane_image(t, op->opd[0]), op->nres, result_types(t, op));
  for (int r = 0; r < 2; r++) {
    Builder in = b_inside(b, copy->reg[r]);
    lane_region(t, &in, op->reg[r], mask);
    Value **res = NEW_N(t->ctx->arena, Value *, op->nres + 1);
    for (int k = 0; k < op->nres; k++) res[k] = as_receiver(t, &in, op->res[k], op->reg[r]->res[k]);
    region_set_results(copy->reg[r], op->nres, res);
  }
  for (int k = 0; k < op->nres; k++) clone_map_value(t->map, op->res[k], copy->res[k]);
}

/* A few instructions that can be done for nobody. */
static bool is_quick(const Region *r) {
  int n = 0;
  for (const Op *op = r->first; op; op = op->next) {
    Family f = op_info[op->code].family;
    n++;
    if (op->nreg || n > QUICK || op_is_costly(op) || op->code == OP_set_slice) return false;
    if (f != FAM_MAP && f != FAM_CONTRACT && f != FAM_SOURCE && f != FAM_VIEW) return false;
  }
  return true;
}

/* One way of a branch, by the lanes that go it; to: what it leaves. */
static void one_way(Abreast *t, Builder *b, Op *op, int r, Value *mask, Value *const *base, Value **to) {
  const Region *from = op->reg[r];
  bool updates = false;
  for (int k = 0; k < op->nres; k++) updates |= base[k] != NULL;
  if (!updates && is_quick(from)) {
    lane_region(t, b, from, mask);
    for (int k = 0; k < op->nres; k++) to[k] = as_receiver(t, b, op->res[k], from->res[k]);
    return;
  }
  Op *copy = b_if(b, any(b, mask), op->nres, result_types(t, op));
  Value **res = NEW_N(t->ctx->arena, Value *, op->nres + 1);
  Builder in = b_inside(b, copy->reg[0]), none = b_inside(b, copy->reg[1]);
  lane_region(t, &in, from, mask);
  for (int k = 0; k < op->nres; k++) res[k] = as_receiver(t, &in, op->res[k], from->res[k]);
  region_set_results(copy->reg[0], op->nres, res);
  for (int k = 0; k < op->nres; k++) res[k] = base[k] ? as_receiver(t, &none, op->res[k], base[k]) : b_splat(&none, copy->res[k]->type, 0);
  region_set_results(copy->reg[1], op->nres, res);
  for (int k = 0; k < op->nres; k++) to[k] = copy->res[k];
}

static void branch_apart(Abreast *t, Builder *b, Op *op, Value *mask) {
  Arena *a = t->ctx->arena;
  Value *c = lane_image(t, op->opd[0]), *way[2] = {c, b_map1(b, OP_not, c)}, **to[2];
  Value **base = NEW_N(a, Value *, op->nres + 1), **was = NEW_N(a, Value *, op->nres + 1);
  for (int k = 0; k < op->nres; k++) {
    if (!lane_varies(t, op->res[k]) || !lane_is_few(op->res[k]->type)) base[k] = lane_base(t, op, k);
    was[k] = base[k] ? lane_image(t, base[k]) : NULL;
  }
  for (int r = 0; r < 2; r++) {
    to[r] = NEW_N(a, Value *, op->nres + 1);
    one_way(t, b, op, r, lane_both(b, mask, way[r]), base, to[r]);
    for (int k = 0; k < op->nres; k++) /* the other way's updates come on top */
      if (base[k]) clone_map_value(t->map, base[k], r ? was[k] : to[r][k]);
  }
  for (int k = 0; k < op->nres; k++)
    clone_map_value(t->map, op->res[k], base[k] ? to[1][k] : lane_choose(t, b, c, to[0][k], to[1][k]));
}

/* ---- loops ------------------------------------------------------------------------------------------------------------------ */

/* on: the lanes that are in this turn, or NULL. */
static Value *next_value(Abreast *t, Builder *in, const Op *op, int k, Value *before, Value *on) {
  Value *next = as_receiver(t, in, op->res[k], loop_body(op)->res[k]);
  return on && lane_varies(t, op->res[k]) && before != next && !lane_is_updated(t, op, k) ? lane_choose(t, in, on, next, before) : next;
}

static Value **initial(Abreast *t, Builder *b, const Op *op, int extra) {
  Value **init = NEW_N(t->ctx->arena, Value *, op->nres + extra + 1);
  for (int k = 0; k < op->nres; k++) init[k] = as_receiver(t, b, op->res[k], op->opd[loop_ninit(op) + k]);
  return init;
}

/* The first or last of the numbers that the lanes' counters begin or end with. */
static Value *bound(Abreast *t, Builder *b, const Op *op, bool first, Value *mask) {
  int64_t step;
  splat_int(op->opd[2], &step);
  Value *v = op->opd[first ? 0 : 1];
  if (!mask && v->def && v->def->code == OP_dim && (step < 0) == first) return b_dim(b, clone_dim(t->map, v->def->u.dim));
  return lane_extreme(t, b, (step < 0) == first ? OP_rmax : OP_rmin, lane_image(t, v), mask, lane_image(t, op->opd[first ? 1 : 0]));
}

static Value *is_in_turn(Abreast *t, Builder *in, const Op *op, Turns turns, Value *i) {
  int64_t step;
  if (turns == TURNS_ALIKE) return NULL;
  splat_int(op->opd[2], &step);
  Value *of = lane_image(t, op->opd[turns == TURNS_BEGIN ? 0 : 1]);
  Opcode code = turns == TURNS_BEGIN ? (step < 0 ? OP_le : OP_ge) : (step < 0 ? OP_gt : OP_lt);
  return b_map2(in, code, b_broadcast_scalar(in, i, of->type), of);
}

static void do_for(Abreast *t, Builder *b, Op *op, Value *mask) {
  Turns turns = lane_turns(t, op);
  Value *lo = turns == TURNS_BEGIN ? bound(t, b, op, true, mask) : lane_image(t, op->opd[0]);
  Value *hi = turns == TURNS_END ? bound(t, b, op, false, mask) : lane_image(t, op->opd[1]);
  Op *copy = b_for(b, lo, hi, lane_image(t, op->opd[2]), op->nres, initial(t, b, op, 0));
  Region *to = copy->reg[0];
  Builder in = b_inside(b, to);
  for (int k = 0; k <= op->nres; k++) {
    to->param[k]->name = op->reg[0]->param[k]->name;
    clone_map_value(t->map, op->reg[0]->param[k], to->param[k]);
  }
  Value *on = is_in_turn(t, &in, op, turns, to->param[0]), **res = NEW_N(t->ctx->arena, Value *, op->nres + 1);
  lane_region(t, &in, op->reg[0], on ? lane_both(&in, mask, on) : mask);
  for (int k = 0; k < op->nres; k++) res[k] = next_value(t, &in, op, k, to->param[1 + k], on);
  region_set_results(to, op->nres, res);
  for (int k = 0; k < op->nres; k++) clone_map_value(t->map, op->res[k], copy->res[k]);
}

static void map_carried(Abreast *t, const Op *op, const Op *copy, int r) {
  for (int k = 0; k < op->nres; k++) {
    copy->reg[r]->param[k]->name = op->reg[r]->param[k]->name;
    clone_map_value(t->map, op->reg[r]->param[k], copy->reg[r]->param[k]);
  }
}

static void while_alike(Abreast *t, Builder *b, Op *op, Value *mask) {
  Op *copy = b_while(b, op->nres, initial(t, b, op, 0));
  Value **res = NEW_N(t->ctx->arena, Value *, op->nres + 1);
  for (int r = 0; r < 2; r++) {
    Builder in = b_inside(b, copy->reg[r]);
    map_carried(t, op, copy, r);
    lane_region(t, &in, op->reg[r], mask);
    for (int k = 0; r && k < op->nres; k++) res[k] = next_value(t, &in, op, k, NULL, NULL);
    if (!r) res[0] = lane_image(t, op->reg[0]->res[0]);
    region_set_results(copy->reg[r], r ? op->nres : 1, res);
  }
  for (int k = 0; k < op->nres; k++) clone_map_value(t->map, op->res[k], copy->res[k]);
}

/* Carries besides which lanes go on, and what each lane's counters were in its last turn. */
static void while_apart(Abreast *t, Builder *b, Op *op, Value *mask) {
  int n = op->nres, extra = 1, *count = NEW_N(t->ctx->arena, int, n + 1);
  Value **init = initial(t, b, op, n + 1), **res = NEW_N(t->ctx->arena, Value *, 2 * n + 2);
  init[n] = mask ? mask : b_splat(b, type_tensor(t->ctx, BOOL, 1, &t->width), 1);
  for (int k = 0; k < n; k++) {
    if (!lane_varies(t, op->res[k]) || lane_varies(t, op->reg[1]->param[k])) continue;
    count[k] = n + extra++;
    init[count[k]] = init[k];
    init[k] = lane_image(t, op->opd[k]);
  }
  Op *copy = b_while(b, n + extra, init);
  Builder head = b_inside(b, copy->reg[0]), in = b_inside(b, copy->reg[1]);
  map_carried(t, op, copy, 0);
  lane_region(t, &head, op->reg[0], copy->reg[0]->param[n]);
  Value *go = any(&head, b_map2(&head, OP_and, copy->reg[0]->param[n], lane_image(t, op->reg[0]->res[0])));
  region_set_results(copy->reg[0], 1, &go);
  map_carried(t, op, copy, 1);
  for (int k = 0; k < n; k++) clone_map_value(t->map, op->reg[0]->param[k], copy->reg[1]->param[k]);
  lane_region(t, &in, op->reg[0], copy->reg[1]->param[n]);
  Value *on = res[n] = b_map2(&in, OP_and, copy->reg[1]->param[n], lane_image(t, op->reg[0]->res[0]));
  lane_region(t, &in, op->reg[1], on);
  for (int k = 0; k < n; k++) {
    Value *next = op->reg[1]->res[k];
    res[k] = count[k] ? lane_image(t, next) : next_value(t, &in, op, k, copy->reg[1]->param[k], on);
    if (count[k]) res[count[k]] = lane_choose(t, &in, on, lane_full(t, &in, next), copy->reg[1]->param[count[k]]);
  }
  region_set_results(copy->reg[1], n + extra, res);
  for (int k = 0; k < n; k++) {
    clone_map_value(t->map, op->res[k], copy->res[count[k] ? count[k] : k]);
    if (count[k] && lane_counter_step(op, k) > 0) t->most[op->res[k]->id] = copy->res[k];
  }
}

void lane_control(Abreast *t, Builder *b, Op *op, Value *mask) {
  if (op->code == OP_if) (lane_varies(t, op->opd[0]) ? branch_apart : branch_alike)(t, b, op, mask);
  else if (op->code == OP_for) do_for(t, b, op, mask);
  else (lane_varies(t, op->reg[0]->res[0]) ? while_apart : while_alike)(t, b, op, mask);
}
