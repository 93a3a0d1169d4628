// What the engine can do with each operator, as rows for people: docs/engine.md shows them, and a test holds the two together.
import { OPERATORS, type OperatorName } from '../onnx/operators/table.js';
import { RULES } from './rules.js';

export interface OperatorSupport {
  readonly operator: OperatorName;
  readonly inputs: string;
  readonly outputs: string;
  /** `yes`, or why there is no gradient. */
  readonly gradient: string;
}

/** Every operator whose types are checked and inferred, and what its derivative is. */
export function operatorSupport(): OperatorSupport[] {
  return (Object.keys(OPERATORS) as OperatorName[]).map((operator) => {
    const { inputs, outputs } = OPERATORS[operator];
    const rule = RULES[operator];
    return { operator, inputs: range(inputs), outputs: range(outputs), gradient: gradientOf(rule) };
  });
}

/** The rows as a Markdown table. */
export function operatorTable(): string {
  const rows = operatorSupport().map((row) => [`\`${row.operator}\``, row.inputs, row.outputs, row.gradient]);
  const head = ['operator', 'inputs', 'outputs', 'gradient'];
  const widths = head.map((name, i) => Math.max(...[head, ...rows].map((row) => (row[i] ?? name).length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function gradientOf(rule: (typeof RULES)[OperatorName]): string {
  if (typeof rule === 'function') return 'yes';
  return 'noGradient' in rule ? `none: ${rule.noGradient}` : `refused: ${rule.unsupported}`;
}

function range({ min, max }: { readonly min: number; readonly max: number }): string {
  if (min === max) return String(min);
  return max === Infinity ? `${min} or more` : `${min} to ${max}`;
}
