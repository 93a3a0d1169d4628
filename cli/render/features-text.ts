// How a list of features looks to a person. Pure.
import type { z } from 'zod';
import type { featuresDocument } from '../../schemas/documents/feature-list.js';
import { textTable, type Cell, type TextColumn } from '../terminal/table.js';
import type { Text } from '../terminal/text.js';
import { labelName } from './label-text.js';
import { counted, countText, valueFormat } from './quantities.js';
import { percentText, tokenName } from './token-text.js';

type FeaturesDocument = z.infer<typeof featuresDocument>;
type Listed = FeaturesDocument['list'][number];

interface Column extends TextColumn {
  readonly of: (feature: Listed) => Cell;
}

/** Of each feature's most frequent tokens. */
const TOKENS = 4;

/** What was asked for, then a line per feature. */
export function featuresText(document: FeaturesDocument): Text {
  const { dict, features, matching, list, offset } = document;
  const head = [`${dict}: ${countText(matching)} of ${counted(features, 'feature')}${askedText(document)}`];
  if (list.length === 0) return matching > 0 ? [...head, `none behind the first ${countText(offset)}`] : head;
  const columns = columnsOf(document);
  const rows = list.map((feature) => columns.map(({ of }) => of(feature)));
  const rest = matching - offset - list.length;
  const more = rest > 0 ? [`and ${countText(rest)} more: --offset ${offset + list.length}, --limit`] : [];
  return [...head, textTable(columns, rows), ...more, `Over the splits ${document.splits.join(', ')}.`];
}

function askedText({ token, like }: FeaturesDocument): string {
  if (token !== undefined) return ` ${tokenAsked(token)}`;
  return like === undefined ? '' : `, by the cosine of their decoder rows with feature ${like.feature}`;
}

function tokenAsked({ text, ids, rows, method }: NonNullable<FeaturesDocument['token']>): string {
  const name = tokenName({ id: ids[0] ?? 0, token: text });
  const stored = rows === null ? 'its stored rows are not known' : `${counted(rows, 'stored row')} of it`;
  const how =
    method === 'acts'
      ? 'counted on every one'
      : 'from the ten most frequent tokens of each feature: others that fire on it are not listed';
  return `fire on ${name} (${stored}, ${how})`;
}

function columnsOf({ token, like, list }: FeaturesDocument): Column[] {
  const format = valueFormat(list.map(({ max }) => max ?? 0));
  const onToken: Column[] = [
    { title: 'precision', right: true, of: ({ onToken: on }) => percentText(on?.precision ?? 0) },
    { title: 'recall', right: true, of: ({ onToken: on }) => recallText(on?.recall ?? null) },
  ];
  const cosine: Column = { title: 'cosine', right: true, of: ({ cosine: value }) => (value ?? 0).toFixed(3) };
  const label: Column = { title: 'label', of: (feature) => labelName(feature.label) };
  return [
    { title: 'feature', right: true, of: ({ feature }) => String(feature) },
    ...(token === undefined ? [] : onToken),
    ...(like === undefined ? [] : [cosine]),
    { title: 'n', right: true, of: ({ n }) => countText(n) },
    { title: 'density', right: true, of: ({ density }) => density.toExponential(1) },
    { title: 'max', right: true, spare: 1, of: ({ max }) => (max === null ? '' : format(max)) },
    { title: 'fires most on', of: ({ topTokens }) => tokensCell(topTokens) },
    ...(list.some((feature) => feature.label !== null) ? [label] : []),
  ];
}

function recallText(recall: number | null): string {
  return recall === null ? 'unknown' : percentText(recall);
}

function tokensCell(tokens: Listed['topTokens']): string[] {
  if (tokens.length === 0) return ['never fires'];
  return tokens.slice(0, TOKENS).map((token) => `${tokenName(token)} ${percentText(token.share)}`);
}
