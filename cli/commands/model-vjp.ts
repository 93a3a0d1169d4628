// `assay model vjp`: the backward graph of a model as a model of its own.
import { resolve } from 'node:path';
import { Option } from 'commander';
import { modelVjpDocument } from '../../schemas/documents/models.js';
import { EXIT } from '../../schemas/exit.js';
import { counted } from '../render/quantities.js';
import { commaList, defineCommand, type CommandContext } from '../command.js';

interface ModelVjpOptions {
  readonly file: string;
  readonly output: readonly string[];
  readonly wrt: readonly string[];
  readonly stop: readonly string[];
  /** Edits in the grammar of --edit, in the order given. */
  readonly edit: readonly string[];
  readonly out: string;
}

export const differentiateModel = defineCommand({
  arguments: '<file>',
  description: 'write the backward graph of a model as a model: inputs cotangent.T, outputs grad.SITE',
  examples: [
    [
      'assay model vjp model.onnx --output logits --wrt "blocks.*.hook_resid_post" --out vjp.onnx',
      'gradients of sum(logits · cotangent.logits) by every block output',
    ],
  ],
  options: (command) => {
    const collect = (text: string, before: readonly string[] = []): readonly string[] => [
      ...before,
      ...commaList(text),
    ];
    command
      .requiredOption(
        '--output <list>',
        'logits, another output of the model, or a site, separated by commas; repeatable',
        collect,
      )
      .requiredOption(
        '--wrt <list>',
        'sites to differentiate by, separated by commas; * matches any layer; repeatable',
        collect,
      )
      .addOption(
        new Option('--stop <list>', 'sites that count as constants: nothing flows back through them; repeatable')
          .argParser(collect)
          .default([], 'none'),
      )
      .addOption(
        new Option(
          '--edit <edit>',
          'a change at a site or of a feature: the edited model is differentiated; repeatable; "Edits" in docs/cli.md has them all',
        )
          .argParser((edit: string, before: readonly string[]) => [...before, edit])
          .default([], 'none'),
      )
      .requiredOption('--out <file>', 'the ONNX file to write; large weights go to FILE.data beside it');
  },
  request: ([file], flags: Omit<ModelVjpOptions, 'file'>) => ({ ...flags, file }),
  run: vjp,
});

async function vjp(options: ModelVjpOptions, context: CommandContext): Promise<number> {
  const { file, output, wrt, stop, out } = options;
  const { writeVjp } = await import('../../models/vjp.js');
  const { parseEdit } = await import('../../models/edit-grammar.js');
  const { commandDictionaries } = await import('../orchestration/named-dictionaries.js');
  const edits = {
    list: options.edit.map(parseEdit),
    folder: context.io.cwd,
    where: (edit: number) => `--edit "${options.edit[edit] ?? ''}"`,
    dictionary: commandDictionaries(context),
  };
  const at = (path: string): string => resolve(context.io.cwd, path);
  const written = await writeVjp(at(file), { outputs: output, wrt, stop, edits, out: at(out) });
  const document = {
    ...written,
    inputs: written.inputs.map((tensor) => ({ ...tensor, shape: [...tensor.shape] })),
    outputs: written.outputs.map((tensor) => ({ ...tensor, shape: [...tensor.shape] })),
  };
  context.output.result(modelVjpDocument, document, () =>
    [
      ...document.inputs.map((tensor) => `input   ${line(tensor)}`),
      ...document.outputs.map((tensor) => `output  ${line(tensor)}`),
      `${counted(document.nodes, 'node')}, ${counted(document.bytes, 'byte')}, written to ${document.file}`,
      ...(document.data === null ? [] : [`weights in ${document.data}`]),
    ].join('\n'),
  );
  return EXIT.done;
}

function line({ name, dtype, shape }: { name: string; dtype: string; shape: (number | string)[] }): string {
  return `${name}  ${dtype} [${shape.map((size) => (size === '' ? '?' : size)).join(', ')}]`;
}
