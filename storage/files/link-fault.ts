// What is wrong with a link that leads nowhere: a file that is named and cannot be found may be there all the same. Follows nothing.
import { readlink, stat } from 'node:fs/promises';

/** What is wrong with the target and what helps, by the system's code. */
const FAULTS: Readonly<Record<string, Pick<LinkFault, 'wrong' | 'remedy'>>> = {
  ENOENT: { wrong: 'where nothing is', remedy: 'put the target there, or remove the link' },
  ELOOP: { wrong: 'which leads in a circle', remedy: 'correct the link, or remove it' },
};

export interface LinkFault {
  readonly target: string;
  /** Of the target: follows its name. */
  readonly wrong: string;
  readonly remedy: string;
}

/** Null for what is no link, or one that leads somewhere. */
export async function linkFault(file: string): Promise<LinkFault | null> {
  const code = await stat(file).then(
    () => null,
    (error: unknown) => (error as NodeJS.ErrnoException).code,
  );
  const fault = FAULTS[code ?? ''];
  if (fault === undefined) return null;
  const target = await readlink(file).catch(() => null);
  return target === null ? null : { target, ...fault };
}
