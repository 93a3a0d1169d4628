// From an entry of `saes` with `from` to the dictionaries that its files hold: read, held against the run's sites, made ready for
// upload under their digests. Sites that the run file names count before those that the files name.
import path from 'node:path';
import { encodeAssayWeights } from '../../core/interop/write-assay.js';
import { MODEL_DIGEST } from '../../core/interop/saelens-settings.js';
import { sha256Hex } from '../../core/identity/digest.js';
import { InputError, ResourceError } from '../../schemas/errors.js';
import type { ResolvedDictionary, TakenResolved } from '../../schemas/resolved-run.js';
import type { SaeConfig } from '../../schemas/sae-section.js';
import type { EngineConfig } from '../../schemas/stored.js';
import type { TakenMember } from '../taken/member.js';
import { takeDictionaries } from '../taken/take.js';
import { namedSites, resolveDictionaries, type KnownSites } from './resolve-dictionary.js';
import { upload, type Upload } from './upload.js';

/** What an entry of `saes` becomes. */
interface ResolvedEntry {
  readonly dictionaries: readonly ResolvedDictionary[];
  readonly uploads: readonly Upload[];
}

/** Largest weights that are taken: they are held in memory once more as the file that is uploaded. */
const MOST_BYTES = 2 ** 32 - 1;

/** What the entries of `saes` become. @throws InputError where sites, sizes or files do not fit */
export async function resolveEntries(
  entries: readonly SaeConfig[],
  { folder, known, engine }: { readonly folder: string; readonly known: KnownSites; readonly engine: EngineConfig },
): Promise<ResolvedEntry[]> {
  const resolved: ResolvedEntry[] = [];
  for (const entry of entries)
    resolved.push(
      entry.from === undefined
        ? { dictionaries: resolveDictionaries(entry, known, engine), uploads: [] }
        : await resolveTaken(entry, folder, known),
    );
  return resolved;
}

/** @throws InputError where the files cannot be taken, or do not fit the run's sites */
async function resolveTaken(entry: SaeConfig, folder: string, known: KnownSites): Promise<ResolvedEntry> {
  const place = path.resolve(folder, entry.from ?? '');
  const asTranscoder = entry.reads !== undefined && entry.reads !== entry.writes;
  const members = await named(entry, () =>
    takeDictionaries({ path: place, format: entry.format ?? 'auto', asTranscoder }),
  );
  const dictionaries: TakenResolved[] = [];
  const uploads: Upload[] = [];
  for (const [place, member] of members.entries()) {
    const name = members.length > 1 || member.layer !== null ? `${entry.name}.${member.layer ?? 0}` : entry.name;
    const sites = sitesOf({ entry, known, name, member, place, of: members.length });
    const content = fileOf(name, member, sites);
    const stored = upload({ bytes: content }, { sha256: sha256Hex(content), bytes: content.length }, 'safetensors');
    const { settings, format, notes } = member.dictionary;
    const sae = { ...settings, ...(settings.prefixes && { prefixes: [...settings.prefixes] }) };
    dictionaries.push({ name, ...sites, sae, taken: { weights: stored.stored, format, notes } });
    uploads.push(stored);
  }
  return { dictionaries, uploads };
}

async function named<T>({ name }: SaeConfig, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`saes: "${name}": ${error.message}`, { ...error.details, name }, { cause: error });
  }
}

interface Sites {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
}

interface Placed {
  readonly entry: SaeConfig;
  readonly known: KnownSites;
  readonly name: string;
  readonly member: TakenMember;
  /** Of the member among those of its set. */
  readonly place: number;
  readonly of: number;
}

/** The run's sites of one member. @throws InputError where there are none, or others than the dictionary needs */
function sitesOf(placed: Placed): Sites {
  const { entry, member, name } = placed;
  const { dictionary } = member;
  refuseOtherModel(placed);
  const reads = side(placed, entry.reads ?? entry.hook, { which: 'reads', told: dictionary.source.reads });
  const writes = side(placed, entry.writes ?? entry.hook, { which: 'writes', told: dictionary.source.writes });
  const same = reads.map(({ name: site }) => site).join() === writes.map(({ name: site }) => site).join();
  if (same !== (dictionary.wiring === 'same')) {
    const needs = dictionary.wiring === 'same' ? 'reads the site that it writes' : 'reads one site and writes another';
    throw new InputError(
      `saes: "${name}": expected sites for a dictionary that ${needs}, found ${reads[0]?.name ?? ''} read and ${writes[0]?.name ?? ''} written; ${dictionary.wiring === 'same' ? 'give `hook`' : 'give `reads` and `writes`'}.`,
      { name, wiring: dictionary.wiring },
    );
  }
  checkWidths(name, reads, dictionary.readWidths);
  checkWidths(name, writes, dictionary.writeWidths);
  return { reads: reads.map((site) => site.name), writes: writes.map((site) => site.name) };
}

/** @throws InputError where its files tell the model that it was trained on, and it is another one */
function refuseOtherModel({ name, member, known }: Placed): void {
  const { modelDigest: own } = member.dictionary.source;
  if (own === undefined || known.model === undefined || own === known.model) return;
  throw new InputError(
    `saes: "${name}": expected a dictionary of the run's model ${known.model}, found one that was trained on ${own}. Give the run that model. Where both are one network in different files, leave \`metadata.${MODEL_DIGEST}\` out of its cfg.json (\`assay sae export --format saelens\` writes one).`,
    { name, expected: known.model, found: own },
  );
}

type Site = KnownSites['sites'][number];

/** What the run file says, else what the files say. */
function side(
  { known, name, member, place, of }: Placed,
  given: string | readonly string[] | undefined,
  { which, told }: { readonly which: 'reads' | 'writes'; readonly told: readonly string[] | null },
): Site[] {
  const where = `saes: "${name}" ${which}`;
  if (given === undefined && told === null)
    throw new InputError(
      `${where}: expected a site, found none in its files; give \`hook\`, or \`reads\` and \`writes\`.`,
      { name, field: which },
    );
  const absent = given === undefined ? told?.find((site) => !known.sites.some((own) => own.name === site)) : undefined;
  if (absent !== undefined)
    throw new InputError(
      `${where}: expected ${absent}, which its files name, among activations.hooks, found ${known.sites.map((site) => site.name).join(', ')}; add it there, or give the dictionary \`hook\` (or \`reads\` and \`writes\`) where its name is another here.`,
      { name, field: which, site: absent },
    );
  const found = namedSites(where, given ?? told ?? [], known);
  if (of === 1 || given === undefined) return found;
  if (found.length === of) return [found[place] as Site];
  throw new InputError(
    `${where}: expected ${of} sites for the ${of} members of the set, found ${found.length} (${found.map((site) => site.name).join(', ')}); leave the sites out, or name one per layer (layer ${member.layer ?? place} here).`,
    { name, field: which, expected: of, found: found.length },
  );
}

function checkWidths(name: string, sites: readonly Site[], widths: readonly number[]): void {
  if (sites.length !== widths.length)
    throw new InputError(
      `saes: "${name}": expected ${widths.length} sites, as its files have, found ${sites.length}; name each of them once.`,
      { name, expected: widths.length, found: sites.length },
    );
  for (const [i, site] of sites.entries()) {
    if (site.width === widths[i]) continue;
    throw new InputError(
      `saes: "${name}": expected a dictionary of width ${site.width} for ${site.name}, found one of width ${widths[i] ?? 0}; it belongs to another site or model.`,
      { name, site: site.name, expected: site.width, found: widths[i] ?? 0 },
    );
  }
}

/** The weights in our form. */
function fileOf(name: string, { dictionary }: TakenMember, sites: Sites): Buffer {
  const chunks = encodeAssayWeights(dictionary, sites);
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (bytes <= MOST_BYTES) return Buffer.concat(chunks);
  throw new ResourceError(
    `saes: "${name}": expected weights of at most ${MOST_BYTES} bytes, found ${bytes}; dictionaries of this size cannot be taken into a run yet.`,
    { name, bytes },
  );
}
