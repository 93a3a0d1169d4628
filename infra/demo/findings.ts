// What the demo prints when its run has ended: totals, metrics, features drawn by a key, where the data lies. Asks the
// command line as any user could; computes nothing.
import { sha256Hex } from '../../core/identity/digest.js';

/** Runs one `assay` command: shows what it prints, or returns its JSON document. */
export interface Commands {
  readonly show: (args: readonly string[]) => Promise<void>;
  readonly json: (args: readonly string[]) => Promise<unknown>;
}

export interface FindingsRequest {
  readonly commands: Commands;
  readonly run: string;
  readonly dictionary: string;
  /** URL of the store. */
  readonly store: string;
  readonly print: (text: string) => void;
}

const DRAWN = 8;
const DENSITY = [1e-4, 1e-2] as const;

/** Prints what the run found. */
export async function printFindings(request: FindingsRequest): Promise<void> {
  const { commands, run, dictionary, print } = request;
  print(heading('What was computed'));
  await commands.show(['datasets']);
  const totals = await commands.json(['sql', TOTALS, '--run', run]);
  const [documents, tokens] = firstRow(totals);
  print(`${group(documents)} documents, ${group(tokens)} tokens`);

  print(heading(`How well ${dictionary} describes the activations`));
  await commands.show(['describe', `${run}/${dictionary}`]);

  print(heading(`${DRAWN} features drawn by key among those of density ${DENSITY.join(' to ')}`));
  print('Not chosen by hand: the dull ones are shown too.');
  for (const feature of await drawnFeatures(request)) {
    await commands.show(['top', dictionary, String(feature), '--k', '5', '--context', '10']);
  }

  print(heading('Where it lies, and what to type next'));
  print(`results: ${request.store}`);
  print(nextLines().join('\n'));
}

const TOTALS = 'select count(*), sum(tokens) from documents';

/** What to type next, each command with what it shows below it. */
export function nextLines(): string[] {
  return NEXT.flatMap(([command, what]) => [`  ${command}`, `      ${what}`]);
}

const NEXT = [
  ['npx assay find kjv-l2 "In the beginning God created the heaven"', 'features on your text'],
  ['npx assay top kjv-l2 77 --k 5', 'a feature of your choice'],
  ['npx assay sql "select * from features order by density desc limit 5"', 'tables by SQL'],
  ['npx assay status kjv', 'the run, stage by stage'],
  ['npx assay export kjv/kjv-l2/postings --to parquet', 'take the data elsewhere'],
] as const;

async function drawnFeatures({ commands, run, dictionary }: FindingsRequest): Promise<number[]> {
  const [least, most] = DENSITY;
  const query = `select feature from "${dictionary}".features where density between ${least} and ${most}`;
  const found = await commands.json(['sql', query, '--run', run]);
  const { rows } = found as { rows: readonly (readonly unknown[])[] };
  return drawByKey(
    rows.map(([feature]) => Number(feature)),
    DRAWN,
  );
}

/** `count` of the features, in the order of a digest of their ids: the same draw for everybody, chosen by nobody. */
export function drawByKey(features: readonly number[], count: number): number[] {
  return features
    .map((feature) => ({ feature, order: sha256Hex(`assay demo ${feature}`) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .slice(0, count)
    .map(({ feature }) => feature);
}

function firstRow(document: unknown): number[] {
  const { rows } = document as { rows: readonly (readonly unknown[])[] };
  return (rows[0] ?? []).map(Number);
}

function heading(text: string): string {
  return `\n${text}\n${'-'.repeat(text.length)}`;
}

function group(value: number | undefined): string {
  return String(value ?? 0).replace(/\B(?=(\d{3})+$)/g, ',');
}
