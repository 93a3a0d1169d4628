// `assay sae export`: a stored dictionary as the files of another program.
import path from 'node:path';
import { Option } from 'commander';
import type { ExportFormat } from '../../pipeline/taken/export-taken.js';
import { pinDataset, resolveDictionary, snapshotObjects } from '../../reading/datasets/pinned.js';
import { saeExportDocument } from '../../schemas/documents/sae-files.js';
import { DataError, InputError } from '../../schemas/errors.js';
import { EXIT } from '../../schemas/exit.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { defineCommand, type CommandContext } from '../command.js';
import { bytesText } from '../render/quantities.js';

interface SaeExportOptions {
  readonly dictionary: string;
  readonly format: ExportFormat;
  readonly out: string;
}

export const exportDictionary = defineCommand({
  arguments: '<dict>',
  description: 'write a dictionary as files that SAELens or sparsify read',
  examples: [
    ['assay sae export kjv/kjv-l2 --format saelens --out kjv-l2', 'then SAE.load_from_disk("kjv-l2") in Python'],
    ['assay sae export kjv/kjv-l2 --format sparsify --out layers.2', 'sparsify tells the site by the folder'],
  ],
  options: (command) => {
    command
      .addOption(
        new Option('--format <format>', 'whose files to write').choices(['saelens', 'sparsify']).makeOptionMandatory(),
      )
      .requiredOption('--out <folder>', 'where to; cfg.json and the weights are written directly into it');
  },
  request: ([dictionary], flags: Omit<SaeExportOptions, 'dictionary'>) => ({ ...flags, dictionary }),
  run: runExport,
});

async function runExport(
  { dictionary: given, format, out }: SaeExportOptions,
  context: CommandContext,
): Promise<number> {
  const store = await context.openStore();
  const { run, dictionary } = await resolveDictionary(store, given);
  const name = `${run}/${dictionary}`;
  const snapshot = await pinDataset(store, `${name}/weights`);
  const [weights] = await snapshotObjects(store, snapshot);
  if (!weights)
    throw new DataError(`Expected weights in ${name}/weights, found none; resume the run.`, { dictionary: name });
  const { exportTaken } = await import('../../pipeline/taken/export-taken.js');
  const folder = path.resolve(context.io.cwd, out);
  const facts = await factsOf(store, run, name);
  const { kind, files, notes } = await exportTaken(store, { weights, facts, format, folder });
  const document = { dictionary: name, format, kind, folder, files: [...files], notes };
  context.output.result(saeExportDocument, document, () =>
    [`${name} as ${kind} of ${format}`, ...files.map((file) => `${file.path}  ${bytesText(file.bytes)}`)].join('\n'),
  );
  for (const note of notes) context.output.note(note);
  return EXIT.done;
}

/** What the run says of its texts; a dictionary that was imported has no run. */
async function factsOf(
  store: ObjectStore,
  run: string,
  name: string,
): Promise<Parameters<typeof import('../../pipeline/taken/export-taken.js').exportTaken>[1]['facts']> {
  const resolved = await latestRevision(store, run).catch((error: unknown) => {
    if (error instanceof InputError) return null;
    throw error;
  });
  if (resolved === null) return { name, model: null, contextTokens: null, prepended: null };
  const { file, model } = resolved;
  const place = file.model.folder ?? file.model.onnx;
  return {
    name,
    model: place === undefined ? null : path.basename(place).replace(/\.onnx$/, ''),
    contextTokens: file.model.contextTokens,
    prepended: model.prependId !== null,
  };
}
