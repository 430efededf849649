"""The sizes that the DAS paper prints (arXiv 2311.12091): Tables 1, 2 and 4 and Figure 3's axis, counted again."""
