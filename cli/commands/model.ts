// `assay model …`: what is in a model, and its values on given token ids.
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { modelInspectDocument, modelRunDocument } from '../../schemas/documents/results.js';
import { EXIT } from '../../schemas/exit.js';
import { AssayError } from '../../schemas/errors.js';
import { addCommand, commaList, type CommandContext, type Start } from '../command.js';
import { inspectDocument } from '../render/model-document.js';
import { modelText } from '../render/model-text.js';
import { addModelTrain } from './model-train.js';
import { addModelVjp } from './model-vjp.js';

export interface ModelRunOptions {
  readonly file: string;
  /** Path of the JSON file with token ids. */
  readonly ids: string;
  readonly hooks: readonly string[];
  readonly out: string;
  /** Edits in the grammar of --edit, in the order given. */
  readonly edit: readonly string[];
}

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
/** Name under --hooks of the model's own output. */
const LOGITS = 'logits';

export function addModel(program: Command, start: Start): void {
  const model = addCommand(program, 'model', {
    description: 'look into a model and run it',
    examples: [['assay model inspect model.onnx', 'layers, widths and sites']],
  });
  addCommand(model, 'inspect <file>', {
    description: 'layers, widths, and the sites of an ONNX model with the tensors behind them',
    examples: [['assay model inspect model.onnx', 'a file, or a folder as Hugging Face saves models']],
  }).action((file: string) => start((context) => inspect(file, context)));
  addCommand(model, 'run <file>', {
    description: 'run a model on token ids and write the wanted sites as a safetensors file',
    examples: [
      [
        'assay model run model.onnx --ids ids.json --hooks "blocks.*.hook_resid_post,logits" --out out.safetensors',
        'ids.json: [[0, 17, 5]]',
      ],
    ],
  })
    .requiredOption('--ids <file>', 'JSON: a list of token ids, or a list of lists of equal length')
    .requiredOption(
      '--hooks <list>',
      'sites, separated by commas; * matches any layer; logits for the output',
      commaList,
    )
    .requiredOption('--out <file>', 'the safetensors file to write')
    .option(
      '--edit <edit>',
      'SITE=set|scale|add|ablate[:VALUE][*FACTOR][,along=FILE#TENSOR][,at=POSITIONS][,head=N]; repeatable, see docs/cli.md',
      (edit: string, before: readonly string[]) => [...before, edit],
      [],
    )
    .action((file: string, options: Omit<ModelRunOptions, 'file'>) =>
      start((context) => runSites({ ...options, file }, context)),
    );
  addModelTrain(model, start);
  addModelVjp(model, start);
}

async function inspect(file: string, context: CommandContext): Promise<number> {
  const { openModel } = await import('../../models/open-model.js');
  const { checkSites } = await import('../../models/check-sites.js');
  const opened = await openModel(resolve(context.io.cwd, file));
  const check = await checkSites(opened, ENGINE).catch(reasonOf);
  const document = inspectDocument(opened.path, opened.summary, check);
  context.output.result(modelInspectDocument, document, () => modelText(document));
  return EXIT.done;
}

async function runSites(options: ModelRunOptions, context: CommandContext): Promise<number> {
  const { computeModelRun, parseIds, readIdsFile, writeModelRun } = await import('../../models/run-model.js');
  const { parseEdit } = await import('../../models/edit-grammar.js');
  const at = (path: string): string => resolve(context.io.cwd, path);
  const edits = options.edit.map(parseEdit);
  const rows = parseIds(await readIdsFile(at(options.ids)));
  const run = await computeModelRun(at(options.file), rows, {
    hooks: options.hooks.filter((hook) => hook !== LOGITS),
    logits: options.hooks.includes(LOGITS),
    edits: {
      list: edits,
      folder: context.io.cwd,
      where: (edit) => `--edit "${options.edit[edit] ?? ''}"`,
    },
    engine: ENGINE,
  });
  await writeModelRun(at(options.out), rows, run);
  const tensors = [...run.values].map(([name, value]) => ({
    name,
    dtype: value.dtype,
    shape: [...value.dims],
  }));
  const document = { model: at(options.file), file: at(options.out), tensors };
  context.output.result(modelRunDocument, document, () =>
    [
      ...tensors.map(({ name, dtype, shape }) => `${name}  ${dtype} [${shape.join(', ')}]`),
      `written to ${document.file}`,
    ].join('\n'),
  );
  return EXIT.done;
}

/** Why the self-check could not run: a model that cannot run here can be looked into all the same. */
function reasonOf(error: unknown): string {
  if (error instanceof AssayError) return error.message;
  throw error;
}
