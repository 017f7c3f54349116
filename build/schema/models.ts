import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'oxc-parser';
import type { Class, Comment, Expression, Program, PropertyDefinition, PropertyKey, TSType } from 'oxc-parser';

/**
 * Reads the models of the pinned @kubernetes/client-node: fields, which of them are required and descriptions from the declarations
 * (.d.ts), wire names and formats from the type maps (.js). Knows nothing of merge keys or protobuf.
 */
export type Model = {
  /** As the package names it: `V1Pod`, `CoreV1Event`. */
  readonly name: string;
  readonly description: string;
  readonly properties: readonly Property[];
};

export type Property = {
  /** The name on the wire: `continue`, where the class says `_continue`. */
  readonly name: string;
  readonly required: boolean;
  readonly description: string;
  readonly type: ModelType;
};

export type ModelType =
  | { readonly type: 'string' | 'boolean' | 'bytes' | 'any' | 'time' | 'micro-time' | 'int-or-string' }
  | { readonly type: 'number'; readonly format: string }
  | { readonly type: 'model'; readonly model: string }
  | { readonly type: 'list'; readonly items: ModelType }
  | { readonly type: 'map'; readonly values: ModelType };

/** The given models and all that they reach, by name, in a stable order. */
export function readModels(folder: string, roots: readonly string[]): ReadonlyMap<string, Model> {
  const models = new Map<string, Model>();
  const waiting = [...roots];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (models.has(name)) continue;
    const model = readModel(folder, name);
    models.set(name, model);
    waiting.push(...model.properties.flatMap((property) => modelsIn(property.type)));
  }
  return new Map([...models].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function modelsIn(type: ModelType): readonly string[] {
  switch (type.type) {
    case 'model':
      return [type.model];
    case 'list':
      return modelsIn(type.items);
    case 'map':
      return modelsIn(type.values);
    default:
      return [];
  }
}

function readModel(folder: string, name: string): Model {
  const declarations = join(folder, `${name}.d.ts`);
  if (!existsSync(declarations)) throw new Error(`read model ${name}: ${declarations} does not exist`);
  const source = readFileSync(declarations, 'utf8');
  const { program, comments } = parse(declarations, source);
  const declared = classIn(program, name);
  const formats = readTypeMap(join(folder, `${name}.js`), name);
  const docs = docsByEnd(source, comments);
  const properties = declared.node.body.body
    .filter((member): member is PropertyDefinition => member.type === 'PropertyDefinition' && !member.static)
    .map((member): Property => {
      const own = keyOf(member.key);
      const entry = formats.get(own);
      if (entry === undefined || member.typeAnnotation == null) throw new Error(`read model ${name}: field ${own} has no type`);
      return {
        name: entry.baseName,
        required: !member.optional,
        description: docs(member.start),
        type: typeOf(member.typeAnnotation.typeAnnotation, entry.format),
      };
    });
  return { name, description: docs(declared.start), properties };
}

function parse(file: string, source: string): { readonly program: Program; readonly comments: readonly Comment[] } {
  const { program, comments, errors } = parseSync(file, source);
  if (errors.length > 0) throw new Error(`parse ${file}: ${errors.map((error) => error.message).join('; ')}`);
  return { program, comments };
}

function classIn(program: Program, name: string): { readonly node: Class; readonly start: number } {
  for (const statement of program.body) {
    if (statement.type !== 'ExportNamedDeclaration' || statement.declaration?.type !== 'ClassDeclaration') continue;
    if (statement.declaration.id?.name === name) return { node: statement.declaration, start: statement.start };
  }
  throw new Error(`read model ${name}: its file declares no such class`);
}

/** The doc comment that ends where a declaration begins; the generator of the package escapes quotes and comment ends. */
function docsByEnd(source: string, comments: readonly Comment[]): (start: number) => string {
  const byEnd = new Map(comments.map((comment) => [comment.end, comment.value]));
  return (start) => {
    const text = byEnd.get(source.slice(0, start).trimEnd().length) ?? '';
    const lines = text.split('\n').map((line) => line.trim().replace(/^\*+ ?/, ''));
    return lines.join('\n').trim().replaceAll("\\'", "'").replaceAll('\\"', '"').replaceAll('*_/', '*/');
  };
}

function keyOf(key: PropertyKey): string {
  if (key.type === 'Identifier') return key.name;
  if (key.type === 'Literal' && typeof key.value === 'string') return key.value;
  throw new Error(`a field name is a ${key.type}`);
}

type TypeMapEntry = { readonly baseName: string; readonly format: string };

/** `V1Pod.attributeTypeMap = [{ name, baseName, type, format }, …]` */
function readTypeMap(file: string, name: string): ReadonlyMap<string, TypeMapEntry> {
  const { program } = parse(file, readFileSync(file, 'utf8'));
  for (const statement of program.body) {
    if (statement.type !== 'ExpressionStatement' || statement.expression.type !== 'AssignmentExpression') continue;
    const { left, right } = statement.expression;
    if (left.type !== 'MemberExpression' || left.property.type !== 'Identifier' || left.property.name !== 'attributeTypeMap')
      continue;
    if (right.type !== 'ArrayExpression') continue;
    return new Map(
      right.elements.map((element) => {
        const texts = element?.type === 'ObjectExpression' ? textsOf(element) : new Map<string, string>();
        return [texts.get('name') ?? '', { baseName: texts.get('baseName') ?? '', format: texts.get('format') ?? '' }];
      }),
    );
  }
  throw new Error(`read model ${name}: ${file} has no type map`);
}

function textsOf(object: Extract<Expression, { readonly type: 'ObjectExpression' }>): ReadonlyMap<string, string> {
  return new Map(
    object.properties.flatMap((property) =>
      property.type === 'Property' && property.value.type === 'Literal' && typeof property.value.value === 'string'
        ? [[keyOf(property.key), property.value.value] as const]
        : [],
    ),
  );
}

function typeOf(type: TSType, format: string): ModelType {
  switch (type.type) {
    case 'TSStringKeyword':
      return { type: format === 'byte' ? 'bytes' : 'string' };
    case 'TSBooleanKeyword':
      return { type: 'boolean' };
    case 'TSNumberKeyword':
      return { type: 'number', format };
    case 'TSAnyKeyword':
      return { type: 'any' };
    case 'TSTypeReference':
      return referenceOf(type, format);
    case 'TSTypeLiteral': {
      const [member] = type.members;
      if (member?.type !== 'TSIndexSignature') throw new Error('a type literal is no map');
      return { type: 'map', values: typeOf(member.typeAnnotation.typeAnnotation, format) };
    }
    default:
      throw new Error(`a type is a ${type.type}`);
  }
}

function referenceOf(type: Extract<TSType, { readonly type: 'TSTypeReference' }>, format: string): ModelType {
  if (type.typeName.type !== 'Identifier') throw new Error('a type has a qualified name');
  const { name } = type.typeName;
  const [argument] = type.typeArguments?.params ?? [];
  if (name === 'Array' && argument !== undefined) return { type: 'list', items: typeOf(argument, format) };
  if (name === 'Date') return { type: 'time' };
  if (name === 'V1MicroTime') return { type: 'micro-time' };
  if (name === 'IntOrString') return { type: 'int-or-string' };
  return { type: 'model', model: name };
}
