// How a model looks to a person. Pure.
import type { z } from 'zod';
import type { modelInspectDocument } from '../../schemas/cli-json.js';
import { countText } from './quantities.js';
import { textTable } from './text-table.js';

/** The model's head and its sites. */
export function modelText(model: z.infer<typeof modelInspectDocument>): string {
  const head = [
    model.file,
    `digest     ${model.digest}`,
    `layers     ${model.layers} (${model.norm}-norm)`,
    `width      ${model.width}`,
    `vocabulary ${countText(model.vocabulary)}`,
    `positions  ${model.positions ?? 'no table found'}`,
    `inputs     ${model.inputs.join(', ')}`,
    `outputs    ${model.outputs.join(', ')}`,
    `opset      ${model.opset}${model.producer === '' ? '' : `, written by ${model.producer}`}`,
  ];
  const columns = [{ title: 'site' }, { title: 'width', right: true }, { title: 'tensor' }];
  return [
    ...head,
    '',
    textTable(
      columns,
      model.sites.map((s) => [s.site, String(s.width), s.tensor]),
    ),
  ].join('\n');
}
