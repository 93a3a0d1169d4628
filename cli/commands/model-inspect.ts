// `assay model inspect`: what is in a model.
import { resolve } from 'node:path';
import { modelInspectDocument } from '../../schemas/documents/models.js';
import { EXIT } from '../../schemas/exit.js';
import { AssayError } from '../../schemas/errors.js';
import { defineCommand, type CommandContext } from '../command.js';
import { inspectDocument } from '../render/model-document.js';
import { modelText } from '../render/model-text.js';

const ENGINE = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;

export const inspectModel = defineCommand({
  arguments: '<file>',
  description: 'layers, widths, and the sites of an ONNX model with the tensors behind them',
  examples: [['assay model inspect model.onnx', 'a file, or a folder as Hugging Face saves models']],
  request: ([file]) => ({ file }),
  run: inspect,
});

async function inspect({ file }: { readonly file: string }, context: CommandContext): Promise<number> {
  const { openModel } = await import('../../models/open-model.js');
  const { checkSites } = await import('../../models/check-sites.js');
  const { missingTokenizer } = await import('../../models/folder/tokenizer-file.js');
  const place = resolve(context.io.cwd, file);
  const opened = await openModel(place);
  const check = await checkSites(opened, ENGINE).catch(reasonOf);
  const document = inspectDocument(opened.path, opened.summary, check);
  const tokenizer = await missingTokenizer(place);
  context.output.result(modelInspectDocument, document, () => modelText(document, tokenizer));
  return EXIT.done;
}

/** Why the self-check could not run: a model that cannot run here can be looked into all the same. */
function reasonOf(error: unknown): string {
  if (error instanceof AssayError) return error.message;
  throw error;
}
