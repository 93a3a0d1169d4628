// Resolves one run of a suite and stores it; runs on the host that has the files.
import { DataError } from '../schemas/errors.js';
import type { MemberPrepared } from '../schemas/messages.js';
import { outsideOf } from '../pipeline/allowed/outside.js';
import { parseMember } from '../pipeline/files/load-suite.js';
import { prepareMember } from '../pipeline/execute/submit.js';
import { dictionaryLookup } from '../stages/train/stored-dictionary.js';
import { readSuite } from '../storage/records/suites.js';
import type { ActivityDependencies } from './dependencies.js';
import type { Activities } from './messages.js';

export async function prepareMemberActivity(
  { ref, member, mode }: Parameters<Activities['prepareMember']>[0],
  dependencies: ActivityDependencies,
): Promise<MemberPrepared> {
  const store = await dependencies.openStore(ref.store.url, ref.store.options);
  const suite = await readSuite(store, { name: ref.run, revision: ref.revision });
  if (!suite)
    throw new DataError(
      `Expected suite "${ref.run}" revision ${ref.revision} in ${store.url}, found none; start it again with its file.`,
      { suite: ref.run },
    );
  await dependencies.allowed.assertSources(outsideOf(parseMember(suite.template, member), suite.folder));
  const dictionary = dictionaryLookup({ store, cache: dependencies.cacheFor(store), signal: dependencies.stop });
  return prepareMember(store, { suite, member, mode, target: ref.store, dictionary });
}
