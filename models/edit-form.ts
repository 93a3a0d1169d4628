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
  return [...operands(edit), ...references(edit), ...positions(edit)];
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

/** File and tensor that `FILE#TENSOR` names; the tensor is null where it is left out. */
export function readReference(text: string): {
  readonly file: string;
  readonly tensor: string | null;
} {
  const mark = text.lastIndexOf('#');
  if (mark < 0) return { file: text, tensor: null };
  return { file: text.slice(0, mark), tensor: text.slice(mark + 1) };
}
