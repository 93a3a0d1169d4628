// How a model looks to a person. Pure.
import type { z } from 'zod';
import type { modelInspectDocument } from '../../schemas/documents/models.js';
import { textTable } from '../terminal/table.js';
import type { Block, Text } from '../terminal/text.js';
import { counted, countText } from './quantities.js';

/**
 * The model's head, its sites, and what was not resolved.
 * @param tokenizer what a folder without a tokenizer lacks; null where it lacks nothing
 */
export function modelText(model: z.infer<typeof modelInspectDocument>, tokenizer: string | null = null): Text {
  const known = (value: number | null): string => String(value ?? 'not found');
  const head = [
    model.file,
    `graph      ${model.family === null ? 'of the file' : `written here: ${model.family}, weights in the folder's safetensors`}`,
    `digest     ${model.digest}`,
    `layers     ${model.layers} (${model.norm}-norm)`,
    `width      ${model.width}`,
    `heads      ${headsText(model)}`,
    `mlp width  ${known(model.dMlp)}`,
    `vocabulary ${countText(model.vocabulary)}${model.firstId === 0 ? '' : `, ids ${model.firstId} to ${model.firstId + model.vocabulary - 1}`}`,
    `positions  ${model.positions ?? 'no table found'}${(model.positionStart ?? 0) === 0 ? '' : `, counted from ${model.positionStart ?? 0}`}`,
    `inputs     ${model.inputs.join(', ')}`,
    `outputs    ${model.outputs.join(', ')}`,
    ...resultText(model),
    `opset      ${model.opset}${model.producer === '' ? '' : `, written by ${model.producer}`}`,
    ...(model.dynamicQuantisation === 0
      ? []
      : [
          `quantised  dynamically (${countText(model.dynamicQuantisation)} activations): a context's values depend on its batch`,
        ]),
    ...(tokenizer === null ? [] : [`tokenizer  ${tokenizer}`]),
    ...(model.unchecked === null ? [] : [`not checked ${model.unchecked}`]),
  ];
  const columns = [{ title: 'site', whole: true }, { title: 'axes' }, { title: 'shape' }, { title: 'tensor' }];
  const rows = model.sites.map((s) => [s.site, s.axes.join(' '), s.shape.join(' '), s.tensor]);
  return [...head, '', textTable(columns, rows), ...unresolvedText(model.unresolved)];
}

/** `4 heads of width 32`, and how many share keys and values where these are fewer. */
function headsText({ heads, dHead, kvHeads }: z.infer<typeof modelInspectDocument>): string {
  if (heads === null) return 'not found';
  const width = dHead === null ? '' : ` of width ${dHead}`;
  return `${counted(heads, 'head')}${width}${kvHeads === null || kvHeads === heads ? '' : `, ${kvHeads} of keys and values`}`;
}

/** Which output is the result where there are several, and what lies beyond it. */
function resultText({ outputs, result, logits, beyond }: z.infer<typeof modelInspectDocument>): string[] {
  if (outputs.length === 1) return [];
  return [
    `logits     ${logits ?? `none is certain; the blocks are read up to ${result}`}`,
    ...beyond.map(
      ({ output, products }) =>
        `beyond     ${output} needs ${countText(products)} matrix product${products === 1 ? '' : 's'} more than ${result}: no sites there`,
    ),
  ];
}

/** What was not resolved, blocks with one reason together. */
function unresolvedText(unresolved: readonly { site: string; reason: string }[]): Block[] {
  if (unresolved.length === 0) return [];
  const groups = new Map<string, { site: string; reason: string; blocks: string[] }>();
  for (const { site, reason } of unresolved) {
    const block = /^blocks\.(\d+)\./.exec(site)?.[1];
    const name = site.replace(/^blocks\.\d+\./, 'blocks.*.');
    const group = groups.get(`${name} ${reason}`) ?? { site: name, reason, blocks: [] };
    if (block !== undefined) group.blocks.push(block);
    groups.set(`${name} ${reason}`, group);
  }
  const columns = [{ title: 'not resolved', whole: true }, { title: 'blocks' }, { title: 'why' }];
  const rows = [...groups.values()].map((g) => [g.site, g.blocks.join(' '), g.reason]);
  return ['', textTable(columns, rows)];
}
