// `assay model randomise`: the same model, never trained.
import { resolve } from 'node:path';
import { modelRandomiseDocument } from '../../schemas/documents/models.js';
import { EXIT } from '../../schemas/exit.js';
import { defineCommand, wholeNumber, type CommandContext } from '../command.js';
import { counted } from '../render/quantities.js';

interface RandomiseOptions {
  readonly file: string;
  readonly out: string;
  readonly seed: number;
}

export const randomiseModel = defineCommand({
  arguments: '<file>',
  description: 'write the model with the entries of its weight matrices in random places: a control without training',
  examples: [
    [
      'assay model randomise model.onnx --out random.onnx',
      'run the same run file on it by another name, then: assay sae eval RUN/DICT --random-model THAT_RUN',
    ],
  ],
  options: (command) => {
    command
      .requiredOption('--out <file>', 'the ONNX file to write; large weights go to FILE.data beside it')
      .option('--seed <n>', 'which places', wholeNumber(0), 0);
  },
  request: ([file], flags: Omit<RandomiseOptions, 'file'>) => ({ ...flags, file }),
  run: randomise,
});

async function randomise({ file, out, seed }: RandomiseOptions, context: CommandContext): Promise<number> {
  const { writeRandomised } = await import('../../models/randomise.js');
  const at = (path: string): string => resolve(context.io.cwd, path);
  const document = await writeRandomised(at(file), { out: at(out), seed });
  context.output.result(modelRandomiseDocument, document, () =>
    [
      `${counted(document.weights, 'weight')} of ${counted(document.matrices, 'tensor')} permuted, written to ${document.file}`,
      ...(document.data === null ? [] : [`weights in ${document.data}`]),
    ].join('\n'),
  );
  return EXIT.done;
}
