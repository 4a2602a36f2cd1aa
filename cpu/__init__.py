"""The processor: Unicorn made a full-system 386/486/586. The only importer of unicorn."""
