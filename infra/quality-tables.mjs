// Tables of docs/benchmarks.md from bench/benchmarks.json, which `npm run prove -- benchmarks` writes. Whether a side is better is decided
// here by one rule: all seeds of one below all seeds of the other.

export const NOT_MEASURED =
  'Not measured yet: `npm run prove -- benchmarks`, then `npm run tables` (see [how to measure](#how-to-measure)).';
const NO_ROWS =
  'Not measured yet: `npm run bench -- --rows 4`, then `npm run tables` (see [how to measure](#how-to-measure)).';
const NAMES = { assay: 'Assay', saelens: 'SAELens', dictionary_learning: 'dictionary_learning' };
const PEERS = ['saelens', 'dictionary_learning'];
const SIDES = ['assay', ...PEERS];

const line = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, body) => [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n');
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (value) => `${value > 0 ? '+' : ''}${(100 * value).toFixed(1)} %`;
const range = (values) =>
  `${mean(values).toFixed(4)} (${Math.min(...values).toFixed(4)} to ${Math.max(...values).toFixed(4)})`;

/** `better` where every value of ours lies below every one of theirs, `worse` the other way, else null. Less is better. */
export function verdictOf(ours, theirs) {
  if (Math.max(...ours) < Math.min(...theirs)) return 'better';
  if (Math.min(...ours) > Math.max(...theirs)) return 'worse';
  return null;
}

/** FVU or ΔCE by sparsity: every side's mean and range over seeds, and ours against each peer. */
export function qualityTable(results, metric) {
  if (!results) return NOT_MEASURED;
  const of = (side, k) =>
    results.judged.filter((one) => one.side === side && one.k === k).map((one) => one[metric].value);
  const head = ['k', ...SIDES.map((side) => NAMES[side]), ...PEERS.map((peer) => `ours against ${NAMES[peer]}`)];
  const against = (peer, k) => {
    const [ours, theirs] = [of('assay', k), of(peer, k)];
    return `${percent(mean(ours) / mean(theirs) - 1)}, ${verdictOf(ours, theirs) ?? 'not told apart'}`;
  };
  const body = results.settings.sparsities.map((k) => [
    ...[k, ...SIDES.map((side) => range(of(side, k)))],
    ...PEERS.map((peer) => against(peer, k)),
  ]);
  return table(head, body);
}

/** Where we lose and where not, in words. */
export function qualityVerdict(results) {
  if (!results) return NOT_MEASURED;
  const of = (side, k, metric) =>
    results.judged.filter((one) => one.side === side && one.k === k).map((one) => one[metric].value);
  return PEERS.flatMap((peer) =>
    [
      ['fvu', 'FVU'],
      ['deltaCe', 'ΔCE'],
    ].map(([metric, name]) => {
      const groups = { better: [], worse: [], null: [] };
      for (const k of results.settings.sparsities)
        groups[String(verdictOf(of('assay', k, metric), of(peer, k, metric)))].push(k);
      const said = [
        ['**We lose** at', groups.worse],
        ['we win at', groups.better],
        ['not told apart at', groups.null],
      ].flatMap(([words, ks]) => (ks.length > 0 ? [`${words} k ${ks.join(', ')}`] : []));
      return `- ${NAMES[peer]}, ${name}: ${said.join('; ')}.`;
    }),
  ).join('\n');
}

/** Of one k and seed: seconds of a peer's training, and of the smallest of our budgets that reaches its FVU; null where none does. */
export function secondsTo(results, peer, { k, seed }) {
  const own = (side) => results.trainings.filter((one) => one.side === side && one.k === k && one.seed === seed);
  const [theirs] = own(peer);
  const reached = own('assay')
    .sort((a, b) => a.steps - b.steps)
    .find(({ fvu }) => fvu <= theirs.fvu);
  const ours = own('assay').find(({ steps }) => steps === results.settings.steps);
  const back = theirs.curve.find(({ fvu }) => fvu <= ours.fvu);
  return {
    peer: theirs.seconds,
    own: reached ? reached.seconds : null,
    budget: reached ? reached.steps / results.settings.steps : null,
    peerToOurs: back ? back.seconds : null,
    ownAtBudget: ours.seconds,
  };
}

/** The bar of row 4 of the table of speeds. */
const LEAST_RATIO = 4;
const isMet = (ratios) => ratios.every((ratio) => ratio !== null) && mean(ratios) >= LEAST_RATIO;

/** Seconds of training to a peer's final FVU by sparsity, and the other way round. */
export function secondsTable(results) {
  if (!results) return NOT_MEASURED;
  const { sparsities, seeds } = results.settings;
  const all = (values, unit = ' s') =>
    values.some((value) => value === null)
      ? `${values.filter((value) => value !== null).length} of ${values.length} seeds reach it`
      : `${mean(values).toFixed(1)}${unit}`;
  const body = PEERS.flatMap((peer) =>
    sparsities.map((k) => {
      const found = seeds.map((seed) => secondsTo(results, peer, { k, seed }));
      const ratios = found.map(({ own, peer: theirs }) => (own === null ? null : theirs / own));
      return [
        ...[NAMES[peer], k, all(found.map((one) => one.peer)), all(found.map((one) => one.own))],
        ...[
          all(
            found.map((one) => one.budget),
            '',
          ),
          `${all(ratios, ' ×')}${isMet(ratios) ? '' : ' **missed**'}`,
        ],
        ...[all(found.map((one) => one.ownAtBudget)), all(found.map((one) => one.peerToOurs))],
      ];
    }),
  );
  const head = [
    ...['peer', 'k', "the peer's training", 'ours to its FVU', 'passes over the rows', `ratio, must >= ${LEAST_RATIO}`],
    ...['ours of the same budget', 'the peer to the FVU of that'],
  ];
  return table(head, body);
}

/** What was compared: rows, budget, learning rates that were tried, versions, machine. */
export function qualitySettings(results) {
  if (!results) return NOT_MEASURED;
  const { settings, rows, rates, versions, machine, date, loadBefore } = results;
  const count = (value) => value.toLocaleString('en');
  const rateOf = ({ lr, fvu }, chosen) => `${lr} (${fvu.toFixed(4)})${lr === chosen ? ' **chosen**' : ''}`;
  const body = SIDES.map((side) => [
    NAMES[side],
    rates[side].tried.map((one) => rateOf(one, rates[side].chosen)).join(', '),
  ]);
  return [
    `${count(rows.fit)} rows to train on, ${count(rows.calib)} to choose learning rates on, ${count(rows.test)} to measure on; ${settings.steps} steps of ${count(settings.batchRows)} rows, ${count(settings.features)} features, k ${settings.sparsities.join(', ')}, seeds ${settings.seeds.join(', ')}, ${settings.threads} threads. ${Object.entries(
      versions,
    )
      .map(([name, version]) => `${name} ${version}`)
      .join(
        ', ',
      )}; ${machine.cores} × ${machine.cpu}, Node ${machine.node}, ${date.slice(0, 10)}; load of the machine before: ${loadBefore.toFixed(2)}.`,
    '',
    table(['', `learning rates tried at k ${settings.chosenAt.k}, with FVU on calib`], body),
  ].join('\n');
}

/** Row 4 of the speeds, of all machines. @param kept contents of bench/results*.json */
export function stepTable(kept) {
  const rows = kept.flatMap(({ machine, date, rows: own }) =>
    own.filter(({ row }) => row === 4).map((row) => ({ ...row, machine, date })),
  );
  if (rows.length === 0) return NO_ROWS;
  const head = ['what', 'value', 'must', 'conditions', 'on'];
  return table(
    head,
    rows.map(({ what, value, must, met, conditions, machine }) => [
      ...[what, `${value.toFixed(1)} ×${met ? '' : ' **missed**'}`, must, conditions],
      `${machine.cores} × ${machine.cpu}`,
    ]),
  );
}

/** What each mark of docs/benchmarks.md is written from. */
export const QUALITY_MARKS = {
  'quality fvu': (results) => qualityTable(results, 'fvu'),
  'quality ce': (results) => qualityTable(results, 'deltaCe'),
  'quality verdict': qualityVerdict,
  'quality seconds': secondsTable,
  'quality settings': qualitySettings,
};
