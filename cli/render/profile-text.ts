// What a feature promotes and which features are near it, in a few lines, as `top` and `card` show them. Pure.
import type { z } from 'zod';
import type { featureCard } from '../../schemas/documents/cards.js';
import { cutTo } from '../terminal/width.js';
import { percentText, tokenName } from './token-text.js';

type Card = z.infer<typeof featureCard>;

/** Tokens and neighbours that are shown of each kind. */
const LISTED = 6;
const LABEL_COLUMNS = 16;
/** What stands between the parts of an automatic label; the first says most. */
const BETWEEN = ' | ';

/** What a feature raises and lowers, what its token explains, its neighbours; nothing of what the dictionary has no table of. */
export function profileLines({ promoted, neighbours }: Pick<Card, 'promoted' | 'neighbours'>): string[] {
  const names = (list: readonly { readonly id: number; readonly token: string | null }[]): string =>
    list.slice(0, LISTED).map(tokenName).join(', ');
  const near = (list: NonNullable<Card['neighbours']>['cosine']): string =>
    list.slice(0, LISTED).map(nearText).join(', ');
  return [
    ...(promoted === null ? [] : [`raises  ${names(promoted.raised)}`, `lowers  ${names(promoted.lowered)}`]),
    ...(promoted?.tokenShare == null ? [] : [`token   explains ${percentText(promoted.tokenShare)} of its activation`]),
    ...(neighbours === null || neighbours.cosine.length === 0 ? [] : [`near    ${near(neighbours.cosine)}`]),
    ...(neighbours === null || neighbours.together.length === 0 ? [] : [`with    ${near(neighbours.together)}`]),
  ];
}

function nearText({ feature, label, value }: NonNullable<Card['neighbours']>['cosine'][number]): string {
  return `${feature}${label === null ? '' : ` ${cutTo(label.split(BETWEEN)[0] ?? '', LABEL_COLUMNS)}`} ${value.toFixed(2)}`;
}
