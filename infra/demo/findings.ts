// What the demo prints when its run has ended: totals, metrics, cards of features drawn by a key, where the data lies. Asks the
// command line as any user could; computes nothing.

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

const DRAWN = 3;
/** Whoever names it sees the same features of the same dictionary. */
const KEY = 'assay demo';

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

  print(heading(`${DRAWN} features at a glance, drawn by key`));
  print('Not chosen by hand: the dull ones are shown too.');
  await commands.show(['card', dictionary, '--sample', String(DRAWN), '--key', KEY]);

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
  ['npx assay features kjv-l2 --token " Moses"', 'all features: what fires on a token, by density, by label …'],
  ['npx assay card kjv-l2 77 --html 77.html', 'a feature of your choice, as a page'],
  ['npx assay label kjv-l2 77 "what it stands for"', 'give it a name, which every command shows'],
  ['npx assay find kjv-l2 "In the beginning God created the heaven"', 'features on your text'],
  ['npx assay sql "select * from features order by density desc limit 5"', 'tables by SQL'],
  ['npx assay status kjv', 'the run, stage by stage'],
  ['npx assay export kjv/kjv-l2/postings --to parquet', 'take the data elsewhere'],
] as const;

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
