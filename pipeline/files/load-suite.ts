// Reads a file with `matrix` and judges every member's run file, one after the other. Looks at the file alone.
import { basename, dirname, extname, resolve } from 'node:path';
import { InputError } from '../../schemas/errors.js';
import { runFile } from '../../schemas/run-file.js';
import {
  isSuite,
  matrixFindings,
  memberCount,
  memberFile,
  memberName,
  memberValues,
  suiteFields,
  type Matrix,
} from './matrix.js';
import { judge, parseRunFile, readDocument } from './load.js';
import { problemsError } from './problem.js';
import { readSourceText } from './source-text.js';
import { runFileJsonSchema } from './json-schema.js';
import { ruleFindings } from './rules.js';

export interface LoadedSuite {
  /** Name of the suite. */
  readonly suite: string;
  /** The file's plain data, placeholders and all. */
  readonly template: Readonly<Record<string, unknown>>;
  readonly matrix: Matrix;
  readonly members: number;
  readonly parallel: number;
  readonly folder: string;
}

/** The suite that a file describes; null where it is a run file. @throws InputError as loadRunFile, naming the first bad member */
export async function loadSuite(path: string): Promise<LoadedSuite | null> {
  const text = await readSourceText(path, 'run file');
  const document = readDocument(text, path);
  const { value } = document;
  if (!document.judgeable || !isSuite(value)) return null;
  const template = value as Readonly<Record<string, unknown>>;
  const findings = matrixFindings(template);
  if (findings.length > 0) throw problemsError([...document.problems, ...findings.map((f) => document.locate(f))]);
  const { matrix, suite, parallel } = suiteFields(template);
  const name = suite ?? basename(path, extname(path));
  const members = memberCount(matrix);
  for (let member = 0; member < members; member++) {
    if (memberName(template, member) === name)
      throw new InputError(
        `Expected the name of the suite to differ from those of its runs, found "${name}" for both; give another \`suite\`.`,
        { suite: name },
      );
    judgeMember(document, { template, matrix, member });
  }
  return { suite: name, template, matrix, members, parallel, folder: dirname(resolve(path)) };
}

function judgeMember(
  document: ReturnType<typeof readDocument>,
  {
    template,
    matrix,
    member,
  }: { readonly template: LoadedSuite['template']; readonly matrix: Matrix; readonly member: number },
): void {
  const value = memberFile(template, member);
  const schema = runFileJsonSchema();
  const problems = judge(document, {
    value,
    shape: runFile,
    schema,
    schemaName: 'run-file',
    rules: (input) => ruleFindings({ ...input, purpose: 'run' }),
  });
  if (problems.length === 0) return;
  const which = Object.entries(memberValues(matrix, member)).map(([name, one]) => `${name} ${String(one)}`);
  const note = ` (in the run with ${which.join(', ')})`;
  throw problemsError(problems.map((problem) => ({ ...problem, found: `${problem.found}${note}` })));
}

/** The run file of one member, with all defaults filled in. @throws InputError where it is none */
export function parseMember(template: LoadedSuite['template'], member: number): ReturnType<typeof parseRunFile> {
  return parseRunFile(JSON.stringify(memberFile(template, member)), { file: `${memberName(template, member)}.json` });
}
