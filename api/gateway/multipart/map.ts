/** Where a file may be put: a variable, or something within one. */
const place = /^(?:\d{1,2}\.)?variables(?:\.\w{1,64}){1,8}$/;

/**
 * Where a multipart request's map puts its files: the paths of all of them. What is no map at all has none: the library
 * refuses it by itself.
 * @throws Error for a path to what is no variable, or into another file
 */
export function readPaths(map: string): string[] {
  const paths = parse(map).filter((path) => typeof path === 'string');
  if (!paths.every(isSafePath)) throw new Error("The 'map' names what is no variable.");
  if (paths.some((path) => paths.some((other) => path.startsWith(`${other}.`))))
    throw new Error("The 'map' puts one file into another.");
  return [...new Set(paths)];
}

function parse(map: string): unknown[] {
  try {
    return Object.values(JSON.parse(map) as Record<string, unknown>).flat();
  } catch {
    return [];
  }
}

/** The library follows paths through whatever they name, also into what all objects inherit. */
function isSafePath(path: string): boolean {
  const isInherited = (name: string) => name in Object.prototype || name in Array.prototype || name in String.prototype;
  return place.test(path) && !path.split('.').some((name) => !/^\d+$/.test(name) && isInherited(name));
}

/** Puts something else in the place of what is at a path that the library has followed. */
export function replaceAt<Value>(holder: object, path: string, replace: (value: Value) => unknown): void {
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], holder);
  const fields = parent as Record<string, unknown>;
  fields[last] = replace(fields[last] as Value);
}
