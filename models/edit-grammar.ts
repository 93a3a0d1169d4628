// The grammar of `--edit`:
//   SITE=OP[:VALUE][*FACTOR][,along=FILE#TENSOR][,at=POSITIONS,…][,head=N,…]
//   RUN/DICT#FEATURE=OP[:NUMBER][*FACTOR][,at=POSITIONS,…]
//   OP     set | scale | add | ablate           VALUE  a number | FILE[#TENSOR] | run:IDS.json; of scale the factor itself
// Pure; what the names mean is found out by edits.ts.
import { EDIT_OPS, FEATURE, type EditOp, type ModelEdit } from '../schemas/model-edits.js';
import { InputError } from '../schemas/errors.js';
import { nearestNames } from '../core/text/nearest-names.js';
import { editMistakes } from './edit-form.js';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const EXAMPLE = '--edit "blocks.1.hook_resid_post=add:steer.safetensors#direction*4,at=3:7"';
const FEATURE_EXAMPLE = '--edit "kjv/l2#77=set:8,at=3:"';
const OPTIONS = ['along', 'at', 'head'] as const;
type Option = (typeof OPTIONS)[number];

/** The edit that the text of one `--edit` asks for. @throws InputError that says which part, what was expected, an example */
export function parseEdit(text: string): ModelEdit {
  const [subject, rest] = splitOnce(text, '=');
  if (subject === '' || rest === undefined)
    throw wrong(text, 'a site or feature and an operation, SITE=OP or RUN/DICT#FEATURE=OP', 'no "=" after one');
  const [action = '', ...options] = rest.split(',');
  const [name, operand] = splitOnce(action, ':');
  const op = readOp(text, name);
  const edit: ModelEdit = {
    ...readSubject(text, subject),
    op,
    ...readOperand(text, op, operand),
    ...readOptions(text, options),
  };
  const [mistake] = editMistakes(edit);
  const example = edit.feature === undefined ? EXAMPLE : FEATURE_EXAMPLE;
  if (mistake) throw wrong(text, mistake.expected, `${mistake.found}; ${mistake.remedy}`, example);
  return edit;
}

/** No site has a "#" in its name. */
function readSubject(text: string, subject: string): Pick<ModelEdit, 'site' | 'feature'> {
  if (!subject.includes('#')) return { site: subject };
  if (FEATURE.test(subject)) return { feature: subject };
  throw wrong(text, 'a feature as RUN/DICT#NUMBER', `"${subject}"`, FEATURE_EXAMPLE);
}

function readOp(text: string, name: string): EditOp {
  const op = EDIT_OPS.find((known) => known === name);
  if (op) return op;
  const near = nearestNames(name, EDIT_OPS, 1)[0];
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  throw wrong(text, `one of ${EDIT_OPS.join(', ')}`, `"${name}"${hint}`);
}

function readOperand(text: string, op: EditOp, operand: string | undefined): Pick<ModelEdit, 'value' | 'factor'> {
  if (operand === undefined) return {};
  const starred = /^(.*)\*([^*#/\\]+)$/.exec(operand);
  const [value, factor] = [starred?.[1] ?? operand, starred?.[2]];
  if (value === '') throw wrong(text, `a number or FILE#TENSOR after "${op}:"`, 'nothing');
  if (op === 'scale') {
    if (factor !== undefined || !NUMBER.test(value))
      throw wrong(text, 'a number after "scale:", e.g. scale:0.5', `"${operand}"`);
    return { factor: Number(value) };
  }
  if (factor !== undefined && !NUMBER.test(factor))
    throw wrong(text, 'a number after "*", e.g. add:steer.safetensors#direction*4', `"${factor}"`);
  return {
    value: NUMBER.test(value) ? Number(value) : value,
    ...(factor === undefined ? {} : { factor: Number(factor) }),
  };
}

/** `at=3:7,9` has two parts: what follows without a name belongs to the option before it. */
function readOptions(text: string, parts: readonly string[]): Pick<ModelEdit, 'along' | 'at' | 'heads'> {
  const at: string[] = [];
  const heads: number[] = [];
  let along: string | undefined;
  let current: Option | null = null;
  for (const part of parts) {
    const [name, given] = splitOnce(part, '=');
    const named: Option | undefined = given === undefined ? undefined : OPTIONS.find((option) => option === name);
    const value: string = named === undefined ? part : (given ?? '');
    current = named ?? (given === undefined && current !== 'along' ? current : null);
    if (current === 'at') at.push(value);
    else if (current === 'head') heads.push(readHead(text, value));
    else if (current === 'along' && along === undefined) along = value;
    else
      throw wrong(
        text,
        `options ${OPTIONS.map((o) => `${o}=…`).join(', ')} after the operation, along= once`,
        `"${part}"`,
      );
  }
  return {
    ...(along === undefined ? {} : { along }),
    ...(at.length === 0 ? {} : { at }),
    ...(heads.length === 0 ? {} : { heads }),
  };
}

function readHead(text: string, head: string): number {
  if (/^\d+$/.test(head)) return Number(head);
  throw wrong(text, 'the number of a head, e.g. head=3 or head=0,2', `"${head}"`);
}

function splitOnce(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + mark.length)];
}

function wrong(text: string, expected: string, ...[found, example = EXAMPLE]: [string, string?]): InputError {
  return new InputError(`--edit "${text}": expected ${expected}, found ${found}. E.g. ${example}.`, {
    edit: text,
    expected,
    found,
  });
}
