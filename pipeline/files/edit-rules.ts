// What is wrong with the edits of a run file whatever the model: fields that do not belong together, positions that cannot be
// read, and values that only `model run` can make.
import { modelEdit, type ModelEdit } from '../../schemas/model-edits.js';
import { editMistakes, RUN_PREFIX } from '../../models/edit-form.js';
import { shown, type Finding } from './problem.js';
import { valueAt } from './shape-findings.js';

/** Findings about `model.edits`; entries whose fields have wrong types are passed over. */
export function editFindings(value: unknown): Finding[] {
  const edits = valueAt(value, ['model', 'edits']);
  if (!Array.isArray(edits)) return [];
  return edits.flatMap((entry: unknown, index) => {
    const parsed = modelEdit.safeParse(entry);
    if (!parsed.success) return [];
    return [...mistakes(parsed.data, index), ...runs(parsed.data, index)];
  });
}

function mistakes(edit: ModelEdit, index: number): Finding[] {
  return editMistakes(edit).map(({ field, index: entry, expected, found, remedy }) => ({
    path: ['model', 'edits', index, field, ...(entry === undefined ? [] : [entry])],
    expected,
    found,
    remedy,
  }));
}

function runs({ value, site = 'SITE' }: ModelEdit, index: number): Finding[] {
  if (typeof value !== 'string' || !value.startsWith(RUN_PREFIX)) return [];
  return [
    {
      path: ['model', 'edits', index, 'value'],
      expected: 'a number or FILE#TENSOR',
      found: shown(value),
      remedy: `a run file takes no other prompt's run: write its values by \`assay model run --hooks ${site} --out FILE\` and name FILE`,
    },
  ];
}
