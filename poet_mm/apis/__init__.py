"""What the command-line tools are made of."""
from .launch import UserError, check_pretrained, set_data_root

__all__ = ['UserError', 'check_pretrained', 'set_data_root']
