// A dictionary that was taken from elsewhere, as text.
import type { z } from 'zod';
import type { saeImportDocument } from '../../schemas/documents/sae-files.js';
import { countText } from './quantities.js';

type Document = z.infer<typeof saeImportDocument>;

/** Each dictionary with what it is, where it belongs and what was changed. */
export function takenText({ dictionaries }: Document): string {
  return dictionaries.map(oneText).join('\n\n');
}

function oneText(one: Document['dictionaries'][number]): string {
  const { source, layer } = one;
  const sites = (names: readonly string[] | null): string => names?.join(', ') ?? 'not said by its files';
  const where =
    sites(one.reads) === sites(one.writes)
      ? [['site', sites(one.reads)]]
      : [
          ['reads', sites(one.reads)],
          ['writes', sites(one.writes)],
        ];
  const kind = [
    one.architecture,
    ...(one.k === null ? [] : [`k ${one.k}`]),
    ...(one.skip ? ['skip'] : []),
    ...(one.crossLayer ? ['cross-layer'] : []),
  ].join(', ');
  const rows: (readonly [string, string])[] = [
    ['format', `${one.format} (${source.kind}, ${source.dtype})`],
    ['kind', kind],
    ['features', `${countText(one.features)}${one.crossLayer ? ' per layer' : ''}`],
    [
      'width',
      one.readWidths[0] === one.writeWidths[0]
        ? String(one.readWidths[0])
        : `${one.readWidths[0] ?? ''} → ${one.writeWidths[0] ?? ''}`,
    ],
    ['input', one.inputTransform ?? 'as it is'],
    ...(where as [string, string][]),
    ...(source.model === null ? [] : [['model', source.model] as const]),
    ...(one.dataset === null ? [] : [['stored as', one.dataset] as const, ['identity', one.sha256 ?? ''] as const]),
  ];
  const lines = rows.map(([name, text]) => `  ${name.padEnd(10)} ${text}`);
  return [
    `${one.path}${layer === null ? '' : ` (layer ${layer})`}`,
    ...lines,
    ...one.notes.map((note) => `  note: ${note}`),
  ].join('\n');
}
