import sharp from 'sharp';

/** A picture to draw: a landscape or a portrait in two colours. */
export interface Picture {
  filename: string;
  width: number;
  height: number;
  /** Colour of the sky, in any notation of CSS. */
  sky: string;
  /** Colour of the hills. */
  ground: string;
}

/** Draws a landscape, so that the repository needs no pictures: sky, sun and two ranges of hills, as a JPEG. */
export async function drawPicture({ filename, width, height, sky, ground }: Picture): Promise<File> {
  const range = (level: number, rise: number) =>
    `M0 ${height * level} Q${width * 0.25} ${height * (level - rise)} ${width * 0.5} ${height * level}` +
    ` T${width} ${height * level} V${height} H0 Z`;
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <linearGradient id="sky" x2="0" y2="1"><stop stop-color="${sky}"/><stop offset="1" stop-color="white"/></linearGradient>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    <circle cx="${width * 0.72}" cy="${height * 0.3}" r="${Math.min(width, height) * 0.1}" fill="#fff4c2"/>
    <path d="${range(0.6, 0.3)}" fill="${ground}" opacity="0.55"/>
    <path d="${range(0.8, -0.2)}" fill="${ground}"/>
  </svg>`;
  const bytes = await sharp(Buffer.from(drawing)).jpeg({ quality: 85 }).toBuffer();
  return new File([new Uint8Array(bytes)], filename, { type: 'image/jpeg' });
}
