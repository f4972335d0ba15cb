const [width, rowHeight, labelWidth, valueWidth] = [720, 34, 190, 90];

/**
 * Draws horizontal bars as SVG, readable on light and dark pages.
 * @param bars names and values, from top to bottom
 */
export function drawBars(title: string, unit: string, bars: readonly { name: string; value: number }[]): string {
  const longest = Math.max(...bars.map(({ value }) => value));
  const height = 52 + bars.length * rowHeight;
  const rows = bars.map(({ name, value }, n) => {
    const y = 48 + n * rowHeight;
    const length = Math.max(2, (value / longest) * (width - labelWidth - valueWidth));
    const kind = name.startsWith('Parley') ? 'own' : 'peer';
    return `  <text x="${labelWidth - 10}" y="${y + 16}" text-anchor="end">${escapeXml(name)}</text>
  <rect class="${kind}" x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="22" rx="3"/>
  <text x="${labelWidth + length + 8}" y="${y + 16}">${value.toFixed(1)} ${unit}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">
  <style>
    text { font: 14px system-ui, sans-serif; fill: #24292f; }
    .title { font-weight: 600; }
    .own { fill: #0f766e; }
    .peer { fill: #94a3b8; }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .own { fill: #2dd4bf; } .peer { fill: #64748b; } }
  </style>
  <text class="title" x="10" y="24">${escapeXml(title)}</text>
${rows.join('\n')}
</svg>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
