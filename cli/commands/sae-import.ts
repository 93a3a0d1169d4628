// `assay sae import`: a dictionary that another program trained, looked at or stored.
import path from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { TakenMember } from '../../pipeline/taken/member.js';
import type { StoredTaken } from '../../pipeline/taken/store-taken.js';
import { saeImportDocument } from '../../schemas/documents/sae-files.js';
import { InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import { TAKEN_FORMATS, type TakenFormat } from '../../schemas/taken.js';
import { defineCommand, type CommandContext } from '../command.js';
import { takenText } from '../render/taken-text.js';
import { openChosenStore } from '../store-choice.js';

interface ImportOptions {
  readonly path: string;
  readonly format: TakenFormat | 'auto';
  readonly name?: string;
  readonly reads?: string;
  readonly writes?: string;
  readonly hook?: string;
  readonly dryRun: boolean;
}

export const importDictionary = defineCommand({
  arguments: '<path>',
  description: 'take a dictionary of SAELens, sparsify, dictionary_learning, OpenAI, Gemma Scope or circuit-tracer',
  examples: [
    ['assay sae import ./gpt2-small-res-jb --dry-run', 'what would be taken; needs no store'],
    ['assay sae import ./layers.5 --format sparsify --name pythia/l5', 'stored as pythia/l5'],
    ['assay sae import params.npz --hook blocks.20.hook_resid_post', 'the site, where the files do not say it'],
  ],
  options: (command) => {
    command
      .addOption(
        new Option('--format <format>', 'whose files they are (default: told by what is in them)')
          .choices(['auto', ...TAKEN_FORMATS])
          .default('auto'),
      )
      .option(
        '--name <name>',
        'RUN/DICT to store it as (default: imported/ and the name of the folder)',
        dictionaryName,
      )
      .option('--hook <site>', 'the site that it reads and writes, where the files do not say it')
      .option('--reads <site>', 'the site that a transcoder reads, where the files do not say it')
      .option('--writes <site>', 'the site that a transcoder writes, where the files do not say it')
      .option('--dry-run', 'look at it and store nothing', false);
  },
  request: ([place], flags: Omit<ImportOptions, 'path'>) => ({ ...flags, path: place }),
  run: runImport,
});

/** @throws InvalidArgumentError where it is no RUN/DICT */
function dictionaryName(given: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(given)) return given;
  throw new InvalidArgumentError('Expected RUN/DICT of letters, digits, ".", "_" and "-", as imported/gpt2-l8.');
}

async function runImport(options: ImportOptions, context: CommandContext): Promise<number> {
  const { takeDictionaries } = await import('../../pipeline/taken/take.js');
  const place = path.resolve(context.io.cwd, options.path);
  const sites = givenSites(options);
  const asTranscoder = sites !== null && sites.reads[0] !== sites.writes[0];
  const members = await takeDictionaries({ path: place, format: options.format, asTranscoder });
  if (sites !== null && members.length > 1)
    throw new InputError(
      `Expected the sites of one dictionary, found ${members.length} of them at ${place}; leave --hook, --reads and --writes out.`,
      { path: place, dictionaries: members.length },
    );
  const base = options.name ?? `imported/${nameOf(place)}`;
  const stored = options.dryRun ? members.map(() => null) : await storeAll(context, { base, members, sites });
  const document = {
    path: place,
    stored: !options.dryRun,
    dictionaries: members.map((member, i) => describe(member, stored[i] ?? null, sites)),
  };
  context.output.result(saeImportDocument, document, () => takenText(document));
  return EXIT.done;
}

type Sites = { readonly reads: readonly string[]; readonly writes: readonly string[] } | null;

/** @throws InputError where they contradict each other */
function givenSites({ hook, reads, writes }: ImportOptions): Sites {
  if (hook === undefined && reads === undefined && writes === undefined) return null;
  if (
    (hook === undefined) === (reads === undefined || writes === undefined) ||
    (hook !== undefined && (reads ?? writes) !== undefined)
  )
    throw new InputError('Expected --hook alone, or --reads and --writes together, found another choice of them.');
  return { reads: [hook ?? reads ?? ''], writes: [hook ?? writes ?? ''] };
}

/** The name of the folder or file, of what a name may hold. */
function nameOf(place: string): string {
  const base = path.basename(place).replace(/\.(safetensors|npz|pt|pth)$/, '');
  return base.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'dictionary';
}

/** Makes the store where there is none. */
async function storeAll(
  context: CommandContext,
  { base, members, sites }: { readonly base: string; readonly members: readonly TakenMember[]; readonly sites: Sites },
): Promise<StoredTaken[]> {
  const { storeTaken } = await import('../../pipeline/taken/store-taken.js');
  const { ownVersion } = await import('../../pipeline/execute/host.js');
  const { assertUsableStore } = await import('../../storage/probe/probe-store.js');
  const store = await openChosenStore(await context.chooseStore(), context.output, { makes: true });
  try {
    await assertUsableStore(store);
    const version = await ownVersion();
    const stored: StoredTaken[] = [];
    for (const { layer, dictionary } of members) {
      const name = members.length > 1 ? `${base}.${layer ?? 0}` : base;
      stored.push(await storeTaken(store, { name, dictionary, sites, version }));
    }
    return stored;
  } finally {
    await store.close();
  }
}

function describe(
  { path: from, layer, dictionary }: TakenMember,
  stored: StoredTaken | null,
  sites: Sites,
): (typeof saeImportDocument)['_output']['dictionaries'][number] {
  const { settings, source, format, readWidths, writeWidths, tensors, notes } = dictionary;
  return {
    ...{ path: from, dataset: stored?.dataset ?? null, sha256: stored?.sha256 ?? null, layer, format },
    ...{ architecture: settings.architecture, features: settings.features, k: settings.k ?? null },
    ...{ skip: settings.skip ?? false, crossLayer: settings.crossLayer ?? false },
    inputTransform: settings.inputTransform ?? null,
    ...{ reads: sites?.reads ?? source.reads, writes: sites?.writes ?? source.writes, readWidths, writeWidths },
    source: {
      ...{ kind: source.kind, model: source.model, contextTokens: source.contextTokens },
      ...{ prepended: source.prepended, dtype: source.dtype },
    },
    tensors: [...tensors].map(([name, { shape }]) => ({ name, shape })),
    notes,
  };
}
