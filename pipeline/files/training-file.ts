// Reads a training file (YAML or JSON) and tells everything that is wrong with it at once. Looks at the file alone.
import { dirname, resolve } from 'node:path';
import { trainingFile, type TrainingFile } from '../../schemas/training-file.js';
import { fileJsonSchema, type JsonSchemaNode } from './json-schema.js';
import { aboutText, parseFile, type LoadedRunFile } from './load.js';
import { readSourceText } from './source-text.js';
import { trainingRuleFindings } from './training-rules.js';

export interface LoadedTrainingFile extends Pick<LoadedRunFile, 'locate' | 'storeNamed'> {
  readonly file: TrainingFile;
  /** Absolute folder from which the relative paths in the file start. */
  readonly folder: string;
}

/**
 * The training file with all defaults filled in.
 * @throws InputError with one line per problem: file, line, column, field, expected, found, remedy
 */
export async function loadTrainingFile(path: string): Promise<LoadedTrainingFile> {
  const text = await readSourceText(path, 'training file');
  return { file: parseTrainingFile(text, path), folder: dirname(resolve(path)), ...aboutText(text, path) };
}

/** The training file that a text holds; `file` is how messages call it. @throws InputError as loadTrainingFile */
export function parseTrainingFile(text: string, file: string): TrainingFile {
  return parseFile(text, {
    file,
    shape: trainingFile,
    schema: trainingFileJsonSchema(),
    schemaName: 'training-file',
    rules: trainingRuleFindings,
  });
}

/** JSON Schema (draft 2020-12) of the training file as a user may write it. */
export function trainingFileJsonSchema(): JsonSchemaNode {
  return fileJsonSchema(trainingFile, 'Assay training file');
}
