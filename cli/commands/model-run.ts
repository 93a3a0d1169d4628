// `assay model run`: a model's values on token ids, or on a text.
import { resolve } from 'node:path';
import { Option } from 'commander';
import { modelRunDocument } from '../../schemas/documents/models.js';
import { EXIT } from '../../schemas/exit.js';
import { commaList, defineCommand, type CommandContext } from '../command.js';
import { readRows, type RowOptions } from './model-rows.js';

interface ModelRunOptions extends RowOptions {
  readonly hooks: readonly string[];
  readonly out: string;
  /** Edits in the grammar of --edit, in the order given. */
  readonly edit: readonly string[];
}

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;

export const runModel = defineCommand({
  arguments: '<file>',
  description: 'run a model on token ids or a text and write the wanted sites as a safetensors file',
  examples: [
    [
      'assay model run model.onnx --ids ids.json --hooks "blocks.*.hook_resid_post,logits" --out out.safetensors',
      'ids.json: [[0, 17, 5]]',
    ],
    [
      'assay model run my/exported --text "And it came to pass" --hooks logits --out out.safetensors',
      "with the folder's tokenizer.json",
    ],
    [
      'assay model run model.onnx --ids ids.json --hooks logits --out ablated.safetensors --edit "blocks.1.hook_mlp_out=ablate"',
      'without what the second MLP writes',
    ],
    [
      'assay model run model.onnx --ids ids.json --hooks logits --out steered.safetensors --edit "kjv/l2#77=set:8,at=3:"',
      'feature 77 of dictionary kjv/l2 held at 8 from the fourth token on',
    ],
    [
      'echo "[[0, 0, 17]]" | assay model run model.onnx --ids - --mask mask.json --hooks logits --out out.safetensors',
      'mask.json: [[0, 0, 1]]',
    ],
  ],
  options: (command) => {
    command
      .option('--ids <file>', 'JSON: a list of token ids, or a list of lists of equal length; - for standard input')
      .option('--text <text>', 'a text in place of token ids, with no token put before it; - for standard input')
      .option('--tokenizer <file>', 'tokenizer.json for --text; default the one in the folder of the model')
      .option('--mask <file>', 'JSON as of --ids: 1 for a token, 0 for padding; default all 1')
      .option(
        '--positions <file>',
        "JSON as of --ids: position numbers for a model that takes them; or the first one's number",
      )
      .requiredOption(
        '--hooks <list>',
        'sites, separated by commas; * matches any layer; logits, or the name of another output of the model',
        commaList,
      )
      .requiredOption('--out <file>', 'the safetensors file to write')
      .addOption(
        new Option(
          '--edit <edit>',
          'a change at a site, as SITE=scale:0, or of a feature, as RUN/DICT#77=set:8; repeatable; "Edits" in docs/cli.md has them all',
        )
          .argParser((edit: string, before: readonly string[]) => [...before, edit])
          .default([], 'none'),
      );
  },
  request: ([file], flags: Omit<ModelRunOptions, 'file'>) => ({ ...flags, file }),
  run: runSites,
});

async function runSites(options: ModelRunOptions, context: CommandContext): Promise<number> {
  const { computeModelRun, writeModelRun } = await import('../../models/run-model.js');
  const { parseEdit } = await import('../../models/edit-grammar.js');
  const { commandDictionaries } = await import('../orchestration/named-dictionaries.js');
  const at = (path: string): string => resolve(context.io.cwd, path);
  const edits = options.edit.map(parseEdit);
  const rows = await readRows(options, context.io);
  context.io.signal.throwIfAborted();
  const run = await computeModelRun(at(options.file), rows, {
    hooks: options.hooks,
    edits: {
      list: edits,
      folder: context.io.cwd,
      where: (edit) => `--edit "${options.edit[edit] ?? ''}"`,
      dictionary: commandDictionaries(context),
    },
    engine: ENGINE,
  });
  // ONNX Runtime hears nothing while it computes.
  context.io.signal.throwIfAborted();
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
  if (run.dynamicQuantisation > 0 && rows.ids.length > rows.length)
    context.output.note(
      'note: this model is quantised dynamically: the values of a row depend on the rows beside it. Give one row to see it alone.',
    );
  if (run.countsPositionsItself)
    context.output.note(
      'note: this model takes no positions: whether it counts padding before tokens is its own affair. If it does, values differ from those of the row without padding, in PyTorch too.',
    );
  return EXIT.done;
}
