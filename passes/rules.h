/* rules.h - what the rule table becomes: expression trees over an op's operands, result and cotangent.  The host tool writes
 * the tables rule_node and rule_table of these types; a tree's children stand before it. */
#ifndef ADC_PASSES_RULES_H
#define ADC_PASSES_RULES_H

typedef enum { RULE_OPERAND, RULE_RESULT, RULE_COTANGENT, RULE_NUMBER, RULE_MAP } RuleKind;
typedef struct RuleNode {
  RuleKind kind;
  int index;    /* RULE_OPERAND: which; RULE_MAP: the opcode */
  int child[3]; /* RULE_MAP */
  double number;
} RuleNode;
enum { RULE_ZERO = -1 };
typedef struct Rule {
  int given;           /* 1: the op has a rule */
  int contribution[3]; /* by operand: index of the tree's root, or RULE_ZERO */
} Rule;

#endif
