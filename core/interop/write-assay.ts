// Writes a dictionary in the neutral form as this program stores weights: tensors by the names of core/dictionaries, settings and what
// the source said in the header. Equal dictionaries give equal bytes: their digest is the dictionary's identity.
import { encodeSafetensors, safeTensor } from '../tensor/safetensors.js';
import type { TakenDictionary } from './taken-dictionary.js';

/** The file's bytes as chunks. @param sites what it reads and writes where the files do not say it */
export function encodeAssayWeights(
  dictionary: TakenDictionary,
  sites: { readonly reads: readonly string[]; readonly writes: readonly string[] } | null,
): Uint8Array[] {
  const { settings, source, format } = dictionary;
  const tensors = new Map(
    [...dictionary.tensors]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { shape, values }]) => [name, safeTensor(values, shape)]),
  );
  const reads = sites?.reads ?? source.reads;
  const writes = sites?.writes ?? source.writes;
  const header: Record<string, string> = {
    format: 'pt',
    architecture: settings.architecture,
    units: 'raw activation units',
    taken: format,
    ...(reads && writes && { site: siteText(reads, writes) }),
    ...text('k', settings.k),
    ...text('prefixes', settings.prefixes?.join(',')),
    ...text('inputTransform', settings.inputTransform),
    ...text('sourceKind', source.kind),
    ...text('sourceModel', source.model),
    ...text('sourceContextTokens', source.contextTokens),
    ...text('sourcePrepended', source.prepended),
  };
  return encodeSafetensors(tensors, header);
}

/** As `sitesText` of core/dictionaries. */
function siteText(reads: readonly string[], writes: readonly string[]): string {
  const same = reads.length === 1 && writes.length === 1 && reads[0] === writes[0];
  return same ? (reads[0] as string) : `${reads.join(', ')} → ${writes.join(', ')}`;
}

function text(name: string, value: string | number | boolean | null | undefined): Record<string, string> {
  return value === undefined || value === null ? {} : { [name]: String(value) };
}
