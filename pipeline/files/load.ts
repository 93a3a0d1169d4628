// Reads a run file (YAML or JSON), or a configuration file of another kind, and tells everything that is wrong with it at
// once. Looks at the file alone: whether the model, the corpus and the store that it names exist is the plan's business.
import { dirname, extname, resolve } from 'node:path';
import type { z } from 'zod';
import { runFile } from '../../schemas/run-file.js';
import type { RunFile } from '../../schemas/run-file.js';
import { findCredentials, findHiddenCredentials } from './credentials.js';
import { runFileJsonSchema } from './json-schema.js';
import type { JsonSchemaNode } from './json-schema.js';
import type { Purpose } from './placeholders.js';
import { problemsError } from './problem.js';
import type { Finding, Problem } from './problem.js';
import { ruleFindings } from './rules.js';
import type { RuleInput } from './rules.js';
import { shapeFindings } from './shape-findings.js';
import { readSourceText } from './source-text.js';
import { parseSource } from './yaml-document.js';
import type { SourceDocument } from './yaml-document.js';

export interface LoadedRunFile {
  readonly runFile: RunFile;
  /** Absolute path of the file. */
  readonly path: string;
  /** Absolute folder from which the relative paths in the file start. */
  readonly folder: string;
  /** Where in the file's text a field stands. */
  readonly locate: (finding: Finding) => Problem;
  /** Whether the file names its store. */
  readonly storeNamed: boolean;
}

export interface LoadOptions {
  /** `schedule` demands {{date}} or {{hour}} in the name, `run` (default) refuses them. */
  readonly purpose?: Purpose;
}

/**
 * The run file with all defaults filled in.
 * @throws InputError with one line per problem: file, line, column, field, expected, found, remedy.
 */
export async function loadRunFile(path: string, options: LoadOptions = {}): Promise<LoadedRunFile> {
  const text = await readSourceText(path, 'run file');
  const absolute = resolve(path);
  return {
    runFile: parseRunFile(text, { ...options, file: path }),
    path: absolute,
    folder: dirname(absolute),
    ...aboutText(text, path),
  };
}

/** What is known of a file's text alone. */
export function aboutText(text: string, path: string): Pick<LoadedRunFile, 'locate' | 'storeNamed'> {
  const { locate, value } = parseSource(text, path);
  return { locate, storeNamed: typeof value === 'object' && value !== null && 'store' in value };
}

/**
 * The run file that a text holds. `file` is how messages call it; `.json` files must be JSON.
 * @throws InputError as loadRunFile.
 */
export function parseRunFile(text: string, options: LoadOptions & { readonly file: string }): RunFile {
  const { file, purpose = 'run' } = options;
  return parseFile(text, {
    file,
    shape: runFile,
    schema: runFileJsonSchema(),
    schemaName: 'run-file',
    rules: (input) => ruleFindings({ ...input, purpose }),
  });
}

/** How a kind of configuration file is judged. */
export interface FileKind<Shape extends z.ZodType> {
  /** How messages call the file. */
  readonly file: string;
  readonly shape: Shape;
  readonly schema: JsonSchemaNode;
  /** The checked-in schema is schemas/json-schema/NAME.schema.json. */
  readonly schemaName: string;
  /** Rules that tie several fields together. */
  readonly rules: (input: Pick<RuleInput, 'value' | 'schema'>) => readonly Finding[];
}

/**
 * A configuration file's content with all defaults filled in.
 * @throws InputError with one line per problem
 */
export function parseFile<Shape extends z.ZodType>(text: string, kind: FileKind<Shape>): z.output<Shape> {
  const { file, shape, schemaName } = kind;
  const document = readDocument(text, file, schemaName);
  if (!document.judgeable) throw problemsError(oncePerPlace(document.problems));
  const problems = judge(document, { ...kind, value: document.value });
  const parsed = shape.safeParse(document.value);
  if (parsed.success && problems.length === 0) return parsed.data;
  throw problemsError(problems);
}

/** A file's plain data, with what is wrong with its text. */
export function readDocument(text: string, file: string, schemaName = 'run-file'): SourceDocument {
  const document = parseSource(text, file);
  const problems: Problem[] = [...document.problems, ...credentialProblems(text, { file, schemaName }, document)];
  if (extname(file) === '.json' && problems.length === 0) problems.push(...jsonProblems(text, file));
  return { ...document, problems, value: withoutSchemaField(document.value) };
}

/** Everything that is wrong with plain data of a document, and with its text. */
export function judge<Shape extends z.ZodType>(
  document: SourceDocument,
  { value, shape, schema, schemaName, rules }: Omit<FileKind<Shape>, 'file'> & { readonly value: unknown },
): Problem[] {
  const problems = [...document.problems];
  const parsed = shape.safeParse(value);
  if (!parsed.success)
    problems.push(...shapeFindings(parsed.error.issues, { schema, schemaName, value }).map((f) => document.locate(f)));
  problems.push(...rules({ value, schema }).map((f) => document.locate(f)));
  return oncePerPlace(problems);
}

/** `$schema` is for editors only. */
function withoutSchemaField(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { $schema, ...rest } = value as Record<string, unknown>;
  return typeof $schema === 'string' || $schema === undefined ? rest : value;
}

function credentialProblems(
  text: string,
  { file, schemaName }: Pick<FileKind<z.ZodType>, 'file' | 'schemaName'>,
  { value, position, locate }: SourceDocument,
): Problem[] {
  const words = {
    expected: `no credentials in a ${schemaName.replace('-', ' ')}`,
    remedy:
      "remove it; credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or the SDK's own chain",
  };
  const inText = findCredentials(text).map(({ offset, kind }) => ({
    ...{ file, ...position(offset), field: '', ...words, found: kind },
  }));
  if (inText.length > 0) return inText;
  return findHiddenCredentials(value).map(({ path, kind }) => ({
    ...locate({ path, ...words, found: kind }),
    field: '',
  }));
}

function jsonProblems(text: string, file: string): Problem[] {
  try {
    JSON.parse(text);
    return [];
  } catch (error) {
    return [
      {
        file,
        line: 1,
        column: 1,
        field: '',
        expected: 'JSON in a .json file',
        found: `text that is not (${(error as Error).message})`,
        remedy: 'correct it, or name the file .yaml',
      },
    ];
  }
}

/** Keeps the first problem about each field at each place, and only the credential where one stands: one mistake is told once. */
function oncePerPlace(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const place = `${String(problem.line)}:${String(problem.column)}`;
    const field = `${place}:${problem.field}`;
    if (seen.has(field) || seen.has(`${place}:`)) return false;
    seen.add(field);
    return true;
  });
}
