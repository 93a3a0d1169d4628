// What the files of a profile state of themselves.
import type { TableMetadata } from '../../storage/tables/layouts.js';
import type { ProfileRequest } from './messages.js';

/** Metadata of a table's file; `more` says what was left out and why, and what a number rests on. */
export function profileMetadata(
  { key, keyed, aux }: Pick<ProfileRequest, 'key' | 'keyed' | 'aux'>,
  more: Readonly<Record<string, string>>,
): TableMetadata<'bands'> {
  return {
    ...{ key, index: keyed.indexKey, model: aux.reference, site: aux.site, units: 'raw activation units' },
    ...more,
  };
}
