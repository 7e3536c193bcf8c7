"""What a database's schema is, as lines that two databases can be compared by, whatever order built them."""

from __future__ import annotations

from storage.connection import Connection

# Objects of extensions, of PostgreSQL itself and of TimescaleDB's bookkeeping are not ours to compare.
_OURS = """
    {oid_column} NOT IN (
        SELECT objid FROM pg_depend WHERE deptype = 'e' AND classid = '{catalog}'::regclass
    )
    AND {namespace} IN (
        SELECT oid FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|_?timescaledb)'
    )
"""


def _ours(oid_column: str, catalog: str, namespace: str) -> str:
    return _OURS.format(oid_column=oid_column, catalog=catalog, namespace=namespace)


# Column order counts: COPY without a column list depends on it.
_PARTS = {
    "relation": f"""
        SELECT format('%s %s %s options=%s partition=%s rls=%s acl=%s', c.relkind, c.oid::regclass,
                      c.relpersistence, c.reloptions, pg_get_expr(c.relpartbound, c.oid),
                      c.relrowsecurity, c.relacl)
          FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
           AND {_ours("c.oid", "pg_class", "c.relnamespace")}""",
    "partitioning": f"""
        SELECT format('%s %s', p.partrelid::regclass, pg_get_partkeydef(p.partrelid))
          FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
         WHERE {_ours("c.oid", "pg_class", "c.relnamespace")}""",
    "column": f"""
        SELECT format('%s %s %s %s null=%s default=%s identity=%s generated=%s collation=%s storage=%s',
                      c.oid::regclass,
                      row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attname,
                      format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
                      a.attidentity, a.attgenerated, a.attcollation::regcollation, a.attstorage)
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
           AND {_ours("c.oid", "pg_class", "c.relnamespace")}""",
    "constraint": f"""
        SELECT format('%s %s %s', coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text),
                      k.conname, pg_get_constraintdef(k.oid))
          FROM pg_constraint k WHERE {_ours("k.conrelid", "pg_class", "k.connamespace")}""",
    "index": f"""
        SELECT format('%s valid=%s', pg_get_indexdef(i.indexrelid), i.indisvalid)
          FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE {_ours("c.oid", "pg_class", "c.relnamespace")}""",
    "sequence": f"""
        SELECT format('%s type=%s start=%s step=%s min=%s max=%s cycle=%s', s.seqrelid::regclass,
                      s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle)
          FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
         WHERE {_ours("c.oid", "pg_class", "c.relnamespace")}""",
    "routine": f"""
        SELECT CASE WHEN p.prokind = 'a' THEN format('aggregate %s', p.oid::regprocedure)
                    ELSE pg_get_functiondef(p.oid) END
          FROM pg_proc p WHERE {_ours("p.oid", "pg_proc", "p.pronamespace")}""",
    "trigger": f"""
        SELECT format('%s enabled=%s', pg_get_triggerdef(t.oid), t.tgenabled)
          FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
         WHERE NOT t.tgisinternal AND {_ours("c.oid", "pg_class", "c.relnamespace")}""",
    "view": f"""
        SELECT format('%s %s', c.oid::regclass, pg_get_viewdef(c.oid)) FROM pg_class c
         WHERE c.relkind IN ('v', 'm') AND {_ours("c.oid", "pg_class", "c.relnamespace")}""",
    "type": f"""
        SELECT format('%s %s base=%s labels=%s', t.typtype, t.oid::regtype,
                      format_type(t.typbasetype, t.typtypmod),
                      (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e
                        WHERE e.enumtypid = t.oid))
          FROM pg_type t
         WHERE t.typtype IN ('d', 'e', 'r') AND {_ours("t.oid", "pg_type", "t.typnamespace")}""",
    "comment": f"""
        SELECT format('%s %s: %s', c.oid::regclass, d.objsubid, d.description)
          FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
         WHERE {_ours("c.oid", "pg_class", "c.relnamespace")}""",
    "schema": """
        SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|_?timescaledb)'""",
    "extension": """
        SELECT format('%s %s', extname, extversion) FROM pg_extension""",
}


async def schema_of(connection: Connection) -> list[str]:
    """Every relation, column, constraint, index, routine and so on as one line, sorted."""
    lines: list[str] = []
    for part, query in _PARTS.items():
        cursor = await connection.execute(query.encode())
        lines += [f"{part}: {row[0]}" for row in await cursor.fetchall()]
    return sorted(lines)
