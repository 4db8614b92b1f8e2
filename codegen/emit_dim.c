/* emit_dim.c - dimensions as i64 arithmetic.
 *
 * Requires: values for the function's symbols.  Ensures: the polynomial's value; in checked mode env->bad tells whether
 * some step overflowed, divided by zero or left a remainder where the division is to be exact. */
#include "codegen/emit.h"

static LLVMValueRef i64(DimEnv *env, int64_t v) { return LLVMConstInt(env->g->i64, (unsigned long long)v, true); }

static void mark_bad(DimEnv *env, LLVMBuilderRef b, LLVMValueRef cond) {
  env->bad = LLVMBuildOr(b, env->bad, cond, "");
}

static LLVMValueRef checked(DimEnv *env, LLVMBuilderRef b, const char *name, LLVMValueRef x, LLVMValueRef y) {
  unsigned id = LLVMLookupIntrinsicID(name, __builtin_strlen(name));
  LLVMTypeRef t = env->g->i64;
  LLVMValueRef fn = LLVMGetIntrinsicDeclaration(env->g->mod, id, &t, 1), arg[] = {x, y};
  LLVMValueRef r = LLVMBuildCall2(b, LLVMGlobalGetValueType(fn), fn, arg, 2, "");
  mark_bad(env, b, LLVMBuildExtractValue(b, r, 1, ""));
  return LLVMBuildExtractValue(b, r, 0, "");
}

static LLVMValueRef mul(DimEnv *env, LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  return env->bad ? checked(env, b, "llvm.smul.with.overflow", x, y) : LLVMBuildMul(b, x, y, "");
}

static LLVMValueRef add(DimEnv *env, LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  return env->bad ? checked(env, b, "llvm.sadd.with.overflow", x, y) : LLVMBuildAdd(b, x, y, "");
}

/* A divisor for which the machine's division never traps; the quotient is mended by the callers. */
static LLVMValueRef safe_divisor(Codegen *g, LLVMBuilderRef b, LLVMValueRef y, LLVMValueRef *minus_one,
                                 LLVMValueRef *zero) {
  LLVMTypeRef t = LLVMTypeOf(y);
  g->divisions += !LLVMIsConstant(y);
  *zero = LLVMBuildICmp(b, LLVMIntEQ, y, LLVMConstNull(t), "");
  *minus_one = LLVMBuildICmp(b, LLVMIntEQ, y, LLVMConstAllOnes(t), "");
  return LLVMBuildSelect(b, LLVMBuildOr(b, *zero, *minus_one, ""), LLVMConstInt(t, 1, false), y, "");
}

LLVMValueRef floordiv_emit(Codegen *g, LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  LLVMTypeRef t = LLVMTypeOf(x);
  LLVMValueRef minus, zero, d = safe_divisor(g, b, y, &minus, &zero), nil = LLVMConstNull(t);
  LLVMValueRef q = LLVMBuildSDiv(b, x, d, ""), r = LLVMBuildSRem(b, x, d, "");
  /* toward minus infinity: one less when the remainder's sign is not the divisor's */
  LLVMValueRef differ = LLVMBuildICmp(b, LLVMIntSLT, LLVMBuildXor(b, r, d, ""), nil, "");
  LLVMValueRef low = LLVMBuildAnd(b, LLVMBuildICmp(b, LLVMIntNE, r, nil, ""), differ, "");
  q = LLVMBuildSub(b, q, LLVMBuildZExt(b, low, t, ""), "");
  q = LLVMBuildSelect(b, minus, LLVMBuildNeg(b, x, ""), q, "");
  return LLVMBuildSelect(b, zero, nil, q, "");
}

LLVMValueRef floormod_emit(Codegen *g, LLVMBuilderRef b, LLVMValueRef x, LLVMValueRef y) {
  LLVMTypeRef t = LLVMTypeOf(x);
  LLVMValueRef minus, zero, d = safe_divisor(g, b, y, &minus, &zero), nil = LLVMConstNull(t);
  LLVMValueRef r = LLVMBuildSRem(b, x, d, "");
  LLVMValueRef differ = LLVMBuildICmp(b, LLVMIntSLT, LLVMBuildXor(b, r, d, ""), nil, "");
  LLVMValueRef mend = LLVMBuildAnd(b, LLVMBuildICmp(b, LLVMIntNE, r, nil, ""), differ, "");
  r = LLVMBuildAdd(b, r, LLVMBuildSelect(b, mend, d, nil, ""), "");
  return LLVMBuildSelect(b, LLVMBuildOr(b, minus, zero, ""), nil, r, "");
}

static LLVMValueRef sym_value(DimEnv *env, const Sym *s) {
  for (int i = 0; i < env->f->nsym; i++)
    if (env->f->sym[i] == s) return env->sym[i];
  if (s->kind == SYM_VALUE && env->late_sym) return env->late_sym(env->late_env, s);
  bug("symbol '%s' of '%s' has no value", s->name ? s->name : "?", env->f->name);
}

static LLVMValueRef polynomial(DimEnv *env, LLVMBuilderRef b, const Dim *d);

static LLVMValueRef atom(DimEnv *env, LLVMBuilderRef b, const Atom *a) {
  if (a->kind == ATOM_SYM) return sym_value(env, a->sym);
  LLVMValueRef x = polynomial(env, b, a->a), y = polynomial(env, b, a->b);
  if (a->kind == ATOM_FLOORDIV) {
    if (env->bad) mark_bad(env, b, LLVMBuildICmp(b, LLVMIntEQ, y, i64(env, 0), ""));
    return floordiv_emit(env->g, b, x, y);
  }
  LLVMIntPredicate pred = a->kind == ATOM_MAX ? LLVMIntSGT : LLVMIntSLT;
  return LLVMBuildSelect(b, LLVMBuildICmp(b, pred, x, y, ""), x, y, "");
}

static LLVMValueRef polynomial(DimEnv *env, LLVMBuilderRef b, const Dim *d) {
  for (int i = 0; i < env->nmemo && b == env->b; i++)
    if (env->memo[i].d == d) return env->memo[i].v;
  LLVMValueRef sum = NULL;
  for (int i = 0; i < d->nterm; i++) {
    LLVMValueRef t = NULL;
    for (int j = 0; j < d->term[i].nfactor; j++) {
      LLVMValueRef x = atom(env, b, d->term[i].factor[j]);
      t = t ? mul(env, b, t, x) : x;
    }
    if (!t)
      t = i64(env, d->term[i].coef);
    else if (d->term[i].coef != 1)
      t = mul(env, b, t, i64(env, d->term[i].coef));
    sum = sum ? add(env, b, sum, t) : t;
  }
  if (!sum) sum = i64(env, 0);
  if (d->den != 1) {
    if (env->bad)
      mark_bad(env, b, LLVMBuildICmp(b, LLVMIntNE, LLVMBuildSRem(b, sum, i64(env, d->den), ""), i64(env, 0), ""));
    sum = LLVMBuildSDiv(b, sum, i64(env, d->den), "");
  }
  if (b == env->b) PUSH(env->g->arena, env->memo, env->nmemo, env->memo_cap) = (struct DimMemo){d, sum};
  return sum;
}

LLVMValueRef dim_emit(DimEnv *env, const Dim *d) {
  return polynomial(env, dim_mentions_value(d) ? env->late : env->b, d);
}
