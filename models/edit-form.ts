// What can be said of an edit before model and files are opened: whether its fields belong together. Pure; the run file's
// rules and `--edit` tell the same mistakes.
import { InputError } from '../schemas/errors.js';
import type { EditOp, ModelEdit } from '../schemas/model-edits.js';
import { parsePositions } from './edit-positions.js';

export interface EditMistake {
  readonly field: keyof ModelEdit;
  /** Index in the field's list. */
  readonly index?: number;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

/** What starts a value that is another prompt's run. */
export const RUN_PREFIX = 'run:';

interface OpRule {
  /** Whether the op needs, takes or refuses the field. */
  readonly value: 'needed' | 'taken' | 'refused';
  readonly factor: 'needed' | 'taken' | 'refused';
  readonly example: string;
}

const OP_RULES: Readonly<Record<EditOp, OpRule>> = {
  set: { value: 'needed', factor: 'refused', example: 'set:0 or set:values.safetensors#mean' },
  scale: { value: 'refused', factor: 'needed', example: 'scale:0.5' },
  add: { value: 'needed', factor: 'taken', example: 'add:steer.safetensors#direction*4' },
  ablate: { value: 'taken', factor: 'refused', example: 'ablate or ablate:means.safetensors#mean' },
};

/** Everything about an edit that is wrong whatever the model. */
export function editMistakes(edit: ModelEdit): EditMistake[] {
  const subject = subjects(edit);
  const own = edit.feature === undefined ? references(edit) : featureFields(edit);
  return [...subject, ...operands(edit), ...numbers(edit), ...own, ...positions(edit)];
}

function subjects({ site, feature }: ModelEdit): EditMistake[] {
  if ((site === undefined) !== (feature === undefined)) return [];
  const both = site !== undefined;
  return [
    {
      field: both ? 'feature' : 'site',
      expected: both ? 'either a site or a feature' : 'a site, or a feature',
      found: both ? `both: ${site} and ${feature ?? ''}` : 'nothing',
      remedy: both ? 'make two edits of it' : 'e.g. site: blocks.1.hook_resid_post, or feature: kjv/l2#77',
    },
  ];
}

/** Greatest number of float32, in which edits are computed. */
const LARGEST = (2 - 2 ** -23) * 2 ** 127;

function numbers(edit: ModelEdit): EditMistake[] {
  return (['value', 'factor'] as const).flatMap((field): EditMistake[] => {
    const number = edit[field];
    if (typeof number !== 'number' || Math.abs(number) <= LARGEST) return [];
    const expected = `a finite number of float32 (at most ${LARGEST.toPrecision(4)})`;
    return [{ field, expected, found: String(number), remedy: 'give a smaller one' }];
  });
}

/** A feature has a number per token, and nothing else: no direction, no heads. */
function featureFields(edit: ModelEdit): EditMistake[] {
  const refused = (['along', 'heads'] as const).flatMap((field): EditMistake[] => {
    if (edit[field] === undefined) return [];
    const remedy = 'remove it, or edit the site';
    return [{ field, expected: `no ${field} with a feature`, found: String(edit[field]), remedy }];
  });
  if (typeof edit.value !== 'string') return refused;
  const found = JSON.stringify(edit.value);
  const remedy = 'e.g. set:8; tensors are for edits of sites';
  return [...refused, { field: 'value', expected: 'a number for a feature', found, remedy }];
}

function operands(edit: ModelEdit): EditMistake[] {
  const { op } = edit;
  const rule = OP_RULES[op];
  return (['value', 'factor'] as const).flatMap((field): EditMistake[] => {
    const given = edit[field] !== undefined;
    // Along a direction, add moves by the factor alone.
    const spared = field === 'value' && op === 'add' && edit.along !== undefined;
    if (rule[field] === 'needed' && !given && !spared) {
      const expected = op === 'scale' ? 'a factor to scale by' : `a value to ${op}`;
      return [{ field, expected, found: 'nothing', remedy: `e.g. ${rule.example}` }];
    }
    if (rule[field] !== 'refused' || !given) return [];
    const expected = `no ${field} with ${op}`;
    return [{ field, expected, found: String(edit[field]), remedy: `e.g. ${rule.example}` }];
  });
}

function references(edit: ModelEdit): EditMistake[] {
  return (['value', 'along'] as const).flatMap((field): EditMistake[] => {
    const text = edit[field];
    if (typeof text !== 'string') return [];
    const run = text.startsWith(RUN_PREFIX);
    const { file, tensor } = readReference(run ? text.slice(RUN_PREFIX.length) : text);
    if (file !== '' && tensor !== '' && !(run && (field === 'along' || tensor !== null))) return [];
    const expected = field === 'along' ? 'FILE#TENSOR with a direction' : 'FILE#TENSOR or run:IDS.json';
    return [{ field, expected, found: JSON.stringify(text), remedy: 'e.g. steer.safetensors#direction' }];
  });
}

function positions(edit: ModelEdit): EditMistake[] {
  return (edit.at ?? []).flatMap((entry, index): EditMistake[] => {
    try {
      parsePositions(entry);
      return [];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return [
        {
          field: 'at',
          index,
          expected: 'positions that a context can have',
          found: JSON.stringify(entry),
          remedy: error.message,
        },
      ];
    }
  });
}

/** Dictionary and number that `RUN/DICT#NUMBER` names. */
export function readFeature(text: string): { readonly dictionary: string; readonly feature: number } {
  const mark = text.lastIndexOf('#');
  return { dictionary: text.slice(0, mark), feature: Number(text.slice(mark + 1)) };
}

/** File and tensor that `FILE#TENSOR` names; the tensor is null where it is left out. */
export function readReference(text: string): {
  readonly file: string;
  readonly tensor: string | null;
} {
  const mark = text.lastIndexOf('#');
  if (mark < 0) return { file: text, tensor: null };
  return { file: text.slice(0, mark), tensor: text.slice(mark + 1) };
}
