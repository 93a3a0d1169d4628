// Stored activations of one shard as the stages after it read them: whole in memory, every site with the same rows.
import { DataError } from '../../schemas/errors.js';
import { readActivations } from '../../storage/tables/read.js';

export interface StoredRows {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  /** [rows, width] by site. */
  readonly act: readonly (Uint16Array | Float32Array)[];
}

/**
 * The activations of a shard's objects, end to end, for every site.
 * @param files of each site @throws DataError where sites hold other rows, or one is of another width
 */
export async function readStoredRows(
  files: readonly (readonly string[])[],
  sites: { readonly names: readonly string[]; readonly widths: readonly number[] },
): Promise<StoredRows> {
  const read: SiteRows[] = [];
  for (const [site, own] of files.entries())
    read.push(await readSite(own, { name: sites.names[site] ?? '', width: sites.widths[site] ?? 0 }));
  const [first, ...others] = read;
  if (!first) throw new DataError('Expected the activations of a shard in at least one object, found none.');
  const same = (a: Uint32Array, b: Uint32Array): boolean => a.length === b.length && a.every((v, i) => b[i] === v);
  const bad = others.findIndex(({ doc, pos }) => !same(doc, first.doc) || !same(pos, first.pos));
  if (bad < 0) return { doc: first.doc, pos: first.pos, act: read.map(({ act }) => act) };
  const [a, b] = [sites.names[0] ?? '', sites.names[bad + 1] ?? ''];
  throw new DataError(
    `Expected the same rows (doc, pos) of sites ${a} and ${b}, found others; they were not extracted from the same tokens: run \`assay resume --mode all\`.`,
    { sites: [a, b] },
  );
}

interface SiteRows {
  readonly doc: Uint32Array;
  readonly pos: Uint32Array;
  readonly act: Uint16Array | Float32Array;
}

async function readSite(
  files: readonly string[],
  { name, width }: { readonly name: string; readonly width: number },
): Promise<SiteRows> {
  const pieces: SiteRows[] = [];
  for (const file of files) pieces.push(await readActivations(file));
  const [first] = pieces;
  if (!first) throw new DataError('Expected the activations of a shard in at least one object, found none.');
  for (const { doc, act } of pieces) {
    if (act.length === doc.length * width) continue;
    throw new DataError(
      `Expected activations of width ${width} at site ${name}, found ${act.length / doc.length}; the dictionary is of another site.`,
      { site: name, width },
    );
  }
  return pieces.length === 1 ? first : joinPieces(pieces, first, width);
}

function joinPieces(pieces: readonly SiteRows[], first: SiteRows, width: number): SiteRows {
  const rows = pieces.reduce((sum, piece) => sum + piece.doc.length, 0);
  const joined = {
    doc: new Uint32Array(rows),
    pos: new Uint32Array(rows),
    act: new (first.act.constructor as Uint16ArrayConstructor)(rows * width),
  };
  let at = 0;
  for (const { doc, pos, act } of pieces) {
    joined.doc.set(doc, at);
    joined.pos.set(pos, at);
    joined.act.set(act, at * width);
    at += doc.length;
  }
  return joined;
}
